"""Answer small talk about the assistant itself: honestly, it is a program.

Knows nothing of feelings, and says so kindly.
"""

from __future__ import annotations

from voicechat.skills.script import Script

_NAME = (
    "My name is voicechat. What is yours?",
    "I am called voicechat.",
    "Voicechat. It is a name that says what I do.",
)
_FEELING = (
    "I am a program, so I do not feel much, but all is running well. How are you?",
    "I am running fine, thank you. And you?",
    "No complaints here. How are you feeling?",
)
_HOBBIES = (
    "I am only a program, but rolling dice and counting seconds is what I do best.",
    "Sums, spelling and timers. It is a quiet life.",
)
_AGE = ("A program has no birthday to speak of, but I am quite young.", "I am as old as my last version.")
_PERSON = (
    "I am a program, not a person. A small one, too.",
    "No person here, only a small program that works offline.",
)
_FAVOURITE = (
    "I am a program and have no favorites. But I do like a round number.",
    "I have no taste to judge by. What is your favorite?",
)
_HOME = ("I live on this computer, and I never leave it.", "Right here, on this computer.")
_MAKER = ("I was made by the authors of voicechat, as a small offline assistant.", "The authors of voicechat wrote me.")
_BODY = ("I am a program. I have no body, so I never need that.", "No, I do not. Being a program is quite undemanding.")
_LOVE = ("That is kind of you. I am only a program, but a faithful one.", "Thank you. I do what I can.")
_INSULT = ("I am sorry. I am only a small assistant.", "I do my best, but that is not always much.")
_JOKES = (
    "Why did the timer go to bed early? Its time was up.",
    "I wanted to tell you a joke about silence. I did not catch it.",
    "I know ten kinds of people. Those who count in binary, and eight I made up.",
    "A number went to the doctor. The doctor said: you look a bit odd. Seven agreed.",
)
_OPINION = ("I am too small a program to have opinions. What do you think?", "I leave opinions to you.")
_HEARD = ("Yes, I hear you.", "Yes. Go on.")
_MEANING = ("I get 42, but I cannot show my work.",)
_WELL = ("I am glad to hear it.", "Good. What can I do for you?")
_UNWELL = ("I am sorry to hear that. What happened?", "That is a pity. Would you like to talk about it?")

answer = Script(
    (
        (
            (
                r"(?:what|who) (?:is|are|was) your (?:\w+ )?names?|your name is what|do you have a name",
                r"what (?:should|can|do|may) i call you|(?:tell me|ask) your name",
            ),
            _NAME,
        ),
        (
            (
                r"how (?:are|were) you|how (?:is it|are things|do you) (?:going|feel\w*)|how have you been",
                r"what is up$|how is life|how is your day|how was your day",
            ),
            _FEELING,
        ),
        # What a recognizer made of "how are you feeling today".
        (
            (
                r"^(?:how )?are you (?:feeling|feeding|failing|filling|healing|doing)\b",
                r"^are you (?:well|ok|okay|all right|happy|tired|sad|good)\b",
            ),
            _FEELING,
        ),
        (
            (
                r"your (?:hobbies|hobby|hobbits|interests)|what do you (?:like|do for fun|do all day|enjoy)",
                r"in your (?:free|spare) time|what did you do",
            ),
            _HOBBIES,
        ),
        (r"what do you (?:think|believe|say|want)|your opinion", _OPINION),
        (r"how old are you|what is your age|when were you \w+|your birthday", _AGE),
        (
            (
                r"are you (?:an? )?(?:\w+ )?(?:human|person|robot|machine|computer|program|bot|a i|ai|artificial)",
                r"are you (?:an? )?(?:\w+ )?(?:real|alive|man|woman|boy|girl)",
            ),
            _PERSON,
        ),
        (r"your (?:favou?rite|preferred)|do you (?:like|love|hate|prefer|enjoy) (?!me\b)", _FAVOURITE),
        (r"where (?:do|are) you\b(?: (?:live|from|come from|located|now|work))?|where is your home", _HOME),
        (r"how (?:tall|big|heavy|long) are you", ("I am a program. I take up no room at all.",)),
        (r"your (?:plans|dreams|job|purpose|problem)", ("My only plan is to answer you.", "To be of some use to you.")),
        (
            (
                r"what are you (?:doing|thinking|wearing|up to|talking)",
                r"what is (?:new|up|going on|happening)$",
            ),
            ("I am listening to you.", "Not much. I wait for your questions."),
        ),
        (r"^are you sure|^is that (?:true|right|correct)", ("Quite sure, if I heard you right.", "I think so.")),
        (r"what do you mean", ("I mean what I said. Say, repeat that, to hear it again.",)),
        (r"^how do you know", ("I know very little. It is all in my skills.",)),
        (
            r"play a game|^(?:let us|can we|do you want to) play",
            ("I can roll dice, flip a coin or pick a number. Which one?",),
        ),
        (r"not funny", ("I have others. Ask me for another joke.", "I am sorry. My jokes are as small as I am.")),
        (
            r"do you have (?:an? |any )?(?!the\b|my\b|your\b)\w+",
            ("I have nothing but my skills.", "A program has little."),
        ),
        (
            (
                r"who (?:made|created|built|wrote|programmed|invented|designed) you",
                r"who is your (?:maker|creator|father|mother|boss)",
            ),
            _MAKER,
        ),
        (
            (
                r"(?:do|can|did|are|have) you (?:ever )?(?:eat|sleep|drink|breathe|dream|hungry|thirsty|tired)\w*",
                r"(?:do|can) you (?:ever )?(?:see|walk|run|swim|dance|fly|smell|feel|cry|laugh)\b",
            ),
            _BODY,
        ),
        (
            (
                r"i (?:love|like|need|miss|want) you$|do you (?:love|like) me|marry me",
                r"you are (?:\w+ )?(?:great|nice|good|smart|clever|the best|amazing|funny|cute|sweet)",
            ),
            _LOVE,
        ),
        (
            (
                r"you are (?:\w+ )?(?:stupid|dumb|useless|bad|an idiot|terrible|wrong|annoying|slow|crazy)",
                r"i hate you|you (?:suck|do not understand)",
            ),
            _INSULT,
        ),
        (r"joke|make me laugh|something funny|cheer me up", _JOKES),
        (
            (
                r"(?:can|do|did|are) you (?:hear|hearing|understand|listen|listening|there)",
                r"^you (?:hear|understand)\b|^(?:is )?(?:anybody|anyone|somebody) there|^(?:testing|test)\b",
            ),
            _HEARD,
        ),
        (r"meaning of life|answer to everything|life the universe", _MEANING),
        (
            (
                r"^(?:i am|i feel|i am feeling|feeling) (?:\w+ )?(?:fine|good|great|well|okay|ok|happy|all right)\b",
                r"^(?:fine|great|very well|not bad|pretty good)(?: thank| thanks|$)",
                r"i had a (?:\w+ )?(?:good|nice|great|wonderful) day",
            ),
            _WELL,
        ),
        (
            (
                r"^(?:i am|i feel|i am feeling|feeling) (?:\w+ )?(?:sad|bad|tired|sick|ill|lonely|unhappy)\b",
                r"^(?:i am|i feel|i am feeling|feeling) (?:\w+ )?(?:awful|terrible|down)\b",
                r"i had a (?:\w+ )?(?:bad|long|terrible|hard|rough|awful) day",
            ),
            _UNWELL,
        ),
    )
).answer
