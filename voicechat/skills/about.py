"""Answer questions about voicechat itself: what it can do, how to stop, save or change it.

Knows the commands only by name. Every line has to be true of the program as it is.
"""

from __future__ import annotations

from voicechat.skills.script import Script

_WHAT_I_CAN = (
    "I can tell the time and the date, do sums, convert units, set timers, roll dice, flip coins, spell words "
    "and repeat after you. All of it works offline.",
    "Try: what time is it in Tokyo. Or: set a timer for five minutes. Or: how many miles is 10 kilometers. "
    "Or: what is 15 percent of 80.",
    "Ask me for the date, a sum, a spelling, a dice roll or a timer. For more than that I need a better model.",
)
_STOP = (
    "Press Control C once to stop a reply, and twice to end the talk. You can also say stop or goodbye.",
    "Say stop or goodbye to end the talk. Control C stops what I am saying.",
)
_SAVE = (
    "Start me with the option save and the name of a folder. Then every turn is kept there, sound and text.",
    "The option save, with a folder's name, keeps your voice, my voice and the text of every turn.",
)
_MODEL = (
    "Other models come as profiles. Choose one with the option profile and its name. "
    "The command voicechat config show tells you what is in use now.",
    "I am only the offline profile. Better models come by the option profile. "
    "Run voicechat config show to see the settings.",
)
_ME = (
    "I am voicechat's built-in assistant. I am small, I work offline, and I am no language model.",
    "I am the small offline assistant that comes with voicechat. Better models come by profile.",
)
_SETTINGS = (
    "Run voicechat config show. It lists every setting, its value and where the value comes from.",
    "Settings are in a file that voicechat config init writes for you. Run voicechat config show to see them.",
)
_DEVICES = (
    "Run voicechat devices. It lists the microphones and speakers, and which ones I would use.",
    "The options mic and speaker choose other devices. The command voicechat devices lists them.",
)
_VOICE = (
    "Start me with the options voice and speed to change how I sound.",
    "My voice and its speed are settings. Run voicechat config show to see them.",
)
_PRIVACY = (
    "The built-in assistant works on this computer only. I send nothing of what you say anywhere.",
    "What you say to me is answered on this computer. I have no connection to any network.",
)
_HOW_I_WORK = (
    "I look for words that one of my skills knows. There is no language model behind it.",
    "Your words go through a list of skills, and the first that fits answers.",
)
_LIMITS = (
    "I am offline. I know no weather, no news and no facts, and I only speak English.",
    "No weather, no news, no web, no music. What I can do is time, dates, sums, units, timers and dice.",
)
_HELP = (
    "Run voicechat with the option help to see all commands. Run voicechat config show to see all settings.",
    "The command voicechat config show lists every setting. The option help tells about the rest.",
)
_VOLUME = (
    "The option speed changes how fast I speak. How loud I am is up to your computer.",
    "Start me with the options voice and speed to change how I sound.",
)
_HOW_DO_I = r"how (?:do|can|could|should|to)(?: i| we)?(?: \w+)?"

answer = Script(
    (
        (r"how do you work|how does (?:this|it|that) work", _HOW_I_WORK),
        (r"your limits|what can you not|what cannot you", _LIMITS),
        (r"^(?:louder|slower|faster|quieter|(?:speak|talk) up)$|too (?:loud|quiet|fast|slow)\b", _VOLUME),
        (
            (
                r"what (?:else )?can (?:you|i) (?:do|ask|say|help|tell)|what do you (?:do|know|offer)",
                r"what are you able to do",
            ),
            _WHAT_I_CAN,
        ),
        (
            (
                r"help me$|^help$|^(?:i need )?(?:some )?help$",
                r"how (?:can|do|could) (?:you help|i (?:use|talk to) you)",
            ),
            _WHAT_I_CAN,
        ),
        (r"what are (?:your|you are) (?:skills|abilities|functions|features|commands)|what skills", _WHAT_I_CAN),
        (r"(?:show|tell|give) me (?:what you can do|your skills|the commands|some examples)", _WHAT_I_CAN),
        (
            rf"{_HOW_DO_I} (?:stop|interrupt|quit|exit|end|leave|shut|silence|pause)",
            _STOP,
        ),
        (rf"{_HOW_DO_I} (?:save|record|keep|store|export)", _SAVE),
        (r"(?:can|do) you (?:save|record|keep|store) (?:this|our|the|my|what|conversations?)", _SAVE),
        (rf"{_HOW_DO_I} (?:set|change|configure|adjust).*\bvoice", _VOICE),
        (
            (
                r"(?:speak|talk) (?:slower|faster|louder|more slowly)|change your voice|another voice",
                r"different voice",
            ),
            _VOICE,
        ),
        (
            r"(?:another|other|better|different|new|bigger|which|what|change the|use a) (?:\w+ )?(?:models?|profiles?)",
            _MODEL,
        ),
        (
            r"how (?:do|can|could|to) (?:i )?(?:make you|get you|you get) (?:\w+ )?(?:smarter|better|more clever)",
            _MODEL,
        ),
        (
            (
                r"(?:what|which) (?:\w+ )?(?:microphones?|speakers?|devices?)",
                r"(?:change|choose|select|use)\b.*(?:microphone|speaker|device|headset|headphones)",
            ),
            _DEVICES,
        ),
        (r"(?:where|what|how|which|show)\b.*(?:settings?|configur\w+|config|options)", _SETTINGS),
        (
            (
                r"who are you|what are you(?: called| exactly)?$|introduce yourself",
                r"tell me (?:something |more )?about yourself|what is voice ?chat|what is this",
            ),
            _ME,
        ),
        (
            (
                r"are you (?:online|offline|connected|listening to me all|recording|spying|sending)|privacy",
                r"my data|who (?:is|else is) listening",
            ),
            _PRIVACY,
        ),
        (r"are you (?:chat ?g ?p ?t|g p t|siri|alexa|a language model|an? l l m|chat|gemini|claude)", _ME),
        (r"make you (?:louder|faster|slower|quieter)", _VOLUME),
        (r"how (?:do|can|could) i (?:use|change|set|install|start|pick|choose|update)\b", _HELP),
    )
).answer
