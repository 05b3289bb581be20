"""First names that many people bear and that are hardly anything else: what a rule may take for a person's name.

Written down for this project. Names that are also common words, months, firms or towns are left out (Will, May, Paris):
those are the student's to tell apart.
"""

from __future__ import annotations

FIRST_NAMES = frozenset(
    """
    aaron abdullah abigail adam adrian adriana agata agnes agnieszka ahmed aiden aisha akira alan albert alberto
    alejandra alejandro aleksander aleksandra alessandra alessandro alexander alexandra alexandre alexei alfred
    alfredo alice alicia alina alison amal amalia amanda amelia amina amir amira amy ana anastasia anders andre andrea
    andreas andrei andrew andrzej angela angelika anika anita anja anke ann anna annalena anne anneliese annette
    annika antje antoine anton antonia antonio aoife ariane arjun arne arthur artur asha astrid aurelie ayse barbara
    barry bartosz bastian beata beatrice beatriz ben benedikt benjamin bernadette bernard bernd bettina bianca bilal
    birgit bjorn björn bob bogdan boris brandon brenda brian bridget brigitte britta bruna bruno camila camille carl
    carla carlo carlos carmen carol carolina caroline carsten caterina catherine cecile cecilia celine charles
    charlotte chiara chris christa christel christine christoph christopher ciara claire clara claudia claudio clemens
    cora cornelia craig cristina cynthia dagmar damian dana daniel daniela daniele danielle danuta dario david deborah
    denise deniz dennis derek diana diego dieter dietmar dimitri dimitris dirk dmitri dominik dominique donald dora
    doris dorota dorothea douglas duncan edith eduardo edward ekaterina eleanor elena eleni elias elif elijah elisa
    elisabeth elise elizabeth elke ella ellen elsa emil emilia emilie emily emma emmanuel enrico enrique erica erich
    erik erika ernst esra esteban esther ethan eugen eva evelyn ewa fabian fabio fatima fatma federica federico felix
    ferdinand fernanda fernando filip finn fiona florian francesca francesco francine francisco franz franziska freja
    freya frida frieda friedrich fritz gabriel gabriela gabriele gareth gary genevieve georg george gerald gerard
    gerda gerhard gertrud giacomo gianluca gianna giorgio giovanni gisela giulia giuseppe gloria gordon graham greta
    gudrun guido guillaume guillermo gunther gustav günter günther haakon hamza hanna hannah hannelore hans harald
    harriet hassan hedwig heidi heike heiko heinrich heinz helen helena helene helga helmut hendrik henning henri
    henriette henrik henry herbert hermann hilda hilde hildegard hiroshi holger horst hubert hugo ian ibrahim ida igor
    ilona ilse ines inga inge ingeborg ingo ingrid irene irina isaac isabel isabella isabelle ivan ivana jacek jacob
    jacqueline jacques jakob jakub james jamie jan jana jane janet janina jasmin jason javier jean jeanne jeffrey
    jennifer jens jeremy jerome jerzy jessica jill jim joachim joan joanna joao joaquin jochen joe johan johann
    johanna johannes john jolanta jonas jonathan jorge jose josef josefine joseph josephine joshua juan juana judith
    julia julian juliana julie julien juliette julius jutta jörg jürgen kacper kaisa kamil karen karim karin karina
    karl karla karoline karsten kasper katarina katarzyna kate katharina kathleen kathrin katja katrin kazimierz keith
    kenji kenneth kerstin kevin khadija khalid kim kirsten klara klaus kofi konrad konstantin kristian kristin
    kristina krzysztof kurt kwame kyle larissa lars lasse laszlo laura lauren laurence laurent layla lea leandro leila
    lena leo leon leona leonard leonardo leonie leyla liam lidia lilly lina linda linh lisa lorena lorenzo lothar
    louis louisa louise luca lucas lucia luciana lucie lucy ludwig luigi luis luisa luise lukas luke lutz lydia maciej
    magda magdalena magnus maja malgorzata malik malte manfred manuel manuela marc marcel marcela marcin marco marcus
    marek margaret margarete margarita margot maria mariam marian marianne marie marina mario marion marissa marius
    markus marlene marlies marta martha marthe martin martina mateo mateusz mathias mathilde matilda matteo matthew
    matthias maurice mauricio max maximilian mehmet melanie melissa michael michaela michal michel michele michelle
    miguel mikael mike mikhail mila milena mira miriam mohamed mohammad mohammed moira monica monika moritz moses
    muhammad murat mustafa nadia nadine nadja natalia natalie natasha nathalie nathan neil nele niamh nicholas nick
    nicola nicolai nicolas nicole niels niklas nikola nikolai nikolaus nils nina noah noemi noor nora norbert nuria
    oksana olaf ole oleg olga oliver olivia olivier omar oscar oskar osman otto owen pablo pamela pascal patricia
    patrick patrizia paul paula paulina pauline paulo pavel pawel pedro peggy penelope peter petra philip philipp
    philippa philippe phoebe pierre pietro pilar piotr priya quentin rachel radek rafael raffaele ralf ralph ramona
    rania raphael raquel rashid raul rebecca regina reiner reinhard renata renate rene rhys ricardo riccardo richard
    rita robert roberta roberto roger roland rolf romy ronald rory rosa rosalie roxana ruben rudi rudolf rupert ruth
    ryan sabina sabine sabrina salma salvatore samantha samir samuel sandra sara sarah sasha scott sean sebastian
    selina selma serge sergei sergio sharon shirley sibylle sigrid silke silvia simon simona simone siobhan sofia
    sofie solveig sonja sophia sophie stanislaw stefan stefanie stefano stella stephan stephanie stephen steven stuart
    susan susana susanna susanne suzanne svea sven svenja svetlana sylvia sylvie tamara tania tanja tatiana teresa
    thea theo theodor theresa therese thomas thorsten tiago tilman tim timo timothy tina tobias todd tom tomas tomasz
    torben torsten tove tracy ulf ulla ulrich ulrike ursula ute uwe valentina valeria valerie vanessa vera verena
    veronica veronika victor viktor viktoria vincent vincenzo viola virginie vivian vladimir volker walter waltraud
    wanda wendy werner wiebke wilhelm wilma winfried wojciech wolfgang xavier xenia yannick yara yasmin yasmine
    yolanda youssef yuki yusuf yvonne zachary zbigniew zoe zofia
    """.split()
)
