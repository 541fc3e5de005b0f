"""What the sample data is made of: known customers and events, names, works, places."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

RANDOM_SEED = 2026
NOW = datetime(2026, 11, 20, 18, 0, tzinfo=ZoneInfo("America/Sao_Paulo"))  #: every order was placed before

EVENTS, USERS, ORDERS, REVIEWS = 200, 5_000, 60_000, 20_000

#: Everybody's; hashed once with a fixed salt, since scrypt is slow on purpose.
PASSWORD = "correct horse battery"  # noqa: S105
PASSWORD_HASH = (
    "scrypt:32768:8:1$guicheSampleData1$"  # noqa: S105
    "39ebd766e05b2b158f30157a478a17af7b6134a9daa1ddddd8e903de9d10e3c7"
    "5c47ae38875f8398d5d0f927ea5b682f555923533e32725e9bd804cb8303a48f"
)

ANA, BRUNO, CARLA, STAFF = "ana@example.com", "bruno@example.com", "carla@example.com", "staff@example.com"
#: id, e-mail, name, role
KNOWN_USERS = (
    (1, ANA, "Ana Conceição", "customer"),
    (2, BRUNO, "Bruno Araújo", "customer"),
    (3, CARLA, "Carla Magalhães", "customer"),
    (4, STAFF, "Bilheteria", "staff"),
)
#: How many orders they have; each with so many items, and as many notes.
KNOWN_ORDERS = {ANA: 10, BRUNO: 50}
KNOWN_ITEMS = 20

ON_SALE = "nona-sinfonia"  #: free seats in every tier
SOLD_OUT = "noite-de-sao-joao"  #: no seat left
LAST_SEAT = "o-ultimo-trem"  #: one seat left in all
#: slug, title, venue, days after NOW
KNOWN_EVENTS = (
    (ON_SALE, "Nona Sinfonia, de Beethoven", "Sala Anísio Leão, São Paulo", 22),
    (SOLD_OUT, "Noite de São João", "Arena Maracujá, Recife", 8),
    (LAST_SEAT, "O Último Trem", "Teatro das Acácias, Belo Horizonte", 15),
)

FIRST_NAMES = (
    "Adélia", "Afonso", "Alícia", "André", "Antônia", "Beatriz", "Benício", "Cauã", "Cecília", "Célia", "César",
    "Cícero", "Clara", "Conceição", "Davi", "Débora", "Edílson", "Elisângela", "Fábio", "Fátima", "Flávia",
    "Gabriel", "Glória", "Heloísa", "Iara", "Inês", "Íris", "Janaína", "João", "Joaquim", "José", "Júlia",
    "Laís", "Lázaro", "Letícia", "Lívia", "Lúcia", "Luís", "Marcílio", "Márcia", "Mário", "Nádia", "Nícolas",
    "Otávio", "Patrícia", "Péricles", "Raíssa", "Raul", "Rômulo", "Sérgio", "Sílvia", "Sônia", "Tainá", "Thaís",
    "Ubirajara", "Valéria", "Vinícius", "Vitória", "Yasmin", "Zélia",
)  # fmt: skip
LAST_NAMES = (
    "Abrantes", "Aguiar", "Alcântara", "Almeida", "Antunes", "Assunção", "Barbosa", "Bragança", "Brandão", "Cabral",
    "Câmara", "Carvalho", "Coelho", "Corrêa", "Damasceno", "Dias", "Esteves", "Falcão", "Figueirêdo", "França",
    "Galvão", "Gonçalves", "Gouvêa", "Gusmão", "Leão", "Lourenço", "Macêdo", "Machado", "Mendonça", "Moraes",
    "Muniz", "Negrão", "Noronha", "Paixão", "Peçanha", "Queirós", "Ramalho", "Rezende", "Sá", "Salomão",
    "Simões", "Taváres", "Teixeira", "Trindade", "Vilaça", "Ximenes",
)  # fmt: skip

#: Each kind: works, who performs them, and a sentence about the evening.
KINDS = (
    (
        ("As Quatro Estações, de Vivaldi", "Concerto para Violão, de Villa-Lobos", "O Guarani, de Carlos Gomes",
         "Réquiem, de Mozart", "Sinfonia Fantástica, de Berlioz"),
        ("Orquestra do Vale", "Filarmônica Conceição", "Camerata Atlântica", "Orquestra Jovem da Baía"),
        "Um concerto em duas partes, com intervalo de vinte minutos.",
    ),
    (
        ("Chorinho na Praça", "Tributo a Chiquinha Gonzaga", "Noite de Pixinguinha", "Valsas e Maxixes",
         "Bandolim e Cavaquinho"),
        ("Regional Boa Vista", "Trio Jequitibá", "Grupo Água de Moringa Azul", "Conjunto Sabiá"),
        "Choro como se toca em roda: sem palco alto e sem pressa.",
    ),
    (
        ("Samba de Terreiro", "Roda na Gamboa", "Sambas de Enredo", "Partido-Alto", "Carnaval Fora de Época"),
        ("Velha Guarda do Morro Alto", "Bateria Coração Azul", "Pastoras da Ladeira", "Grupo Pé na Tábua"),
        "Quem chega cedo fica perto da roda.",
    ),
    (
        ("Bossa e Jazz", "Standards à Meia-Luz", "Improviso nº 5", "Baião Blue", "Metais em Brasa"),
        ("Quarteto Pauta Livre", "Big Band Maré Alta", "Trio Três Rios", "Sexteto Ímpar"),
        "Dois sets; o segundo começa depois das dez.",
    ),
    (
        ("Forró Pé de Serra", "Xote à Luz da Lua", "Baile do Sertão", "Sanfona e Zabumba", "Arraial da Estação"),
        ("Trio Mandacaru", "Banda Flor de Cactus", "Mestre Zé Côco", "As Sanfoneiras de Ipê"),
        "Piso de madeira, sapato confortável e par para todo mundo.",
    ),
    (
        ("O Auto da Feira", "Três Irmãs", "A Casa do Açúcar", "Vestido Amarelo", "Um Inimigo na Praça"),
        ("Companhia Pé-Direito", "Grupo Teatral Cidadão Zero", "Trupe da Lanterna", "Núcleo Ácaro"),
        "Teatro em um ato, noventa minutos, sem entrada após o início.",
    ),
    (
        ("Frevo em Suspensão", "Corpo d’Água", "Giselle", "Pés no Chão", "Sertão Contemporâneo"),
        ("Balé da Serra", "Companhia Vão Livre", "Grupo Corpo e Chão", "Coletivo Ginga"),
        "Dança para ver de perto; a primeira fila fica a dois metros do palco.",
    ),
    (
        ("A Onça e o Relógio", "O Menino do Dedo Azul", "Bichos do Brasil em Música", "A Sereia da Lagoa",
         "Histórias da Vó Zulmira"),
        ("Bonecos de Olaria", "Cia. Pipa Encantada", "Palhaços Sem Lona", "Banda Pé de Moleque"),
        "Para crianças a partir de quatro anos, e para quem as leva.",
    ),
    (
        ("Rir é de Graça", "Notícias de Ontem", "Minha Mãe Não Sabe", "Fila Única", "Reunião de Condomínio"),
        ("Zeca Falcão", "Dona Neném", "As Primas", "Tião do Interior"),
        "Humor sem microfone na plateia.",
    ),
    (
        ("Limite, com música ao vivo", "Clássicos do Cinema Mudo", "Curtas da Amazônia", "Cinema na Praia",
         "Maratona de Animação"),
        ("Trio de Câmara Lumière", "Pianista Noêmia Paz", "Orquestra de Bolso", "DJ Açaí"),
        "Filme restaurado, som feito na hora.",
    ),
)  # fmt: skip

VENUES = (
    "Teatro das Acácias, Belo Horizonte", "Sala Anísio Leão, São Paulo", "Arena Maracujá, Recife",
    "Teatro Beira-Mar, Fortaleza", "Casa do Maestro, Goiânia", "Galpão 13 de Maio, São Paulo",
    "Concha da Ribeira, Salvador", "Teatro Guaíra do Sul, Curitiba", "Cine Paraíso, Belém",
    "Armazém da Estação, Porto Alegre", "Circo da Lagoa, Rio de Janeiro", "Teatro São Brás, Manaus",
)  # fmt: skip

#: Name, and the price as a multiple of the event's base price.
TIERS = (("Plateia", 2.0), ("Balcão", 1.4), ("Galeria", 1.0))

NOTES = (
    "Retirar na bilheteria.", "Cadeira de rodas: lugar no corredor, por favor.", "Presente: não enviar a nota.",
    "Chegaremos atrasados.", "Meia-entrada: estudante.", "Favor confirmar por e-mail.", "Lugares juntos, se possível.",
    "Nome no ingresso: o da aniversariante.", "Alérgico a gelo seco.", "Ligar antes de entregar.",
)  # fmt: skip

REVIEW_STARTS = (
    "Que noite!", "Emocionante do começo ao fim.", "Esperava mais.", "Voltarei com certeza.", "Som impecável.",
    "O melhor do ano.", "Bonito, mas longo.", "Chorei na última música.", "Elenco afiado.", "Foi bom, não ótimo.",
)  # fmt: skip
REVIEW_ENDS = (
    "A acústica da sala ajuda muito.", "Só a fila do café decepcionou.", "Levei minha avó, e ela adorou.",
    "Os lugares do balcão têm ótima visão.", "Pena que acabou cedo.", "A iluminação merece um prêmio.",
    "Chegue antes: o estacionamento lota.", "Recomendo a todo mundo.", "O bis valeu o ingresso.",
    "Cadeiras apertadas, coração cheio.",
)  # fmt: skip
