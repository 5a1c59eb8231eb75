"""Tell the time, here and in other places: "what time is it in tokyo", and then "and in new york".

Time zones come from the system through zoneinfo (on Windows from the package tzdata). Knows nothing of dates.
"""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from voicechat.skills.request import Request

# Places that are not the last part of their zone's name; a zone like Asia/Tokyo is found without an entry here.
_PLACES = {
    "america/chicago": "chicago, dallas, houston, austin, new orleans, minneapolis",
    "america/denver": "denver, salt lake city",
    "america/los_angeles": "los angeles, san francisco, seattle, las vegas, san diego, portland, california, l a",
    "america/new_york": "new york, new york city, washington, boston, miami, atlanta, philadelphia, florida",
    "america/sao_paulo": "sao paulo, rio, rio de janeiro, brazil",
    "america/toronto": "toronto, montreal, ottawa",
    "america/vancouver": "vancouver",
    "america/mexico_city": "mexico city, mexico",
    "america/argentina/buenos_aires": "buenos aires, argentina",
    "asia/shanghai": "shanghai, beijing, peking, china, shenzhen",
    "asia/kolkata": "kolkata, calcutta, delhi, new delhi, mumbai, bombay, bangalore, chennai, india",
    "asia/tokyo": "tokyo, japan, osaka, kyoto",
    "asia/seoul": "seoul, korea, south korea",
    "asia/ho_chi_minh": "ho chi minh city, hanoi, saigon, vietnam",
    "asia/dubai": "dubai, abu dhabi",
    "asia/jerusalem": "jerusalem, tel aviv, israel",
    "asia/bangkok": "bangkok, thailand",
    "asia/manila": "manila, the philippines, philippines",
    "australia/sydney": "sydney, canberra",
    "europe/berlin": "berlin, germany, munich, hamburg, frankfurt, cologne",
    "europe/london": "london, england, the uk, britain, scotland, edinburgh, manchester",
    "europe/paris": "paris, france, lyon, marseille",
    "europe/madrid": "madrid, spain, barcelona",
    "europe/rome": "rome, italy, milan, venice, naples",
    "europe/zurich": "zurich, switzerland, geneva, bern, basel",
    "europe/vienna": "vienna, austria",
    "europe/amsterdam": "amsterdam, the netherlands, holland",
    "europe/brussels": "brussels, belgium",
    "europe/stockholm": "stockholm, sweden",
    "europe/oslo": "oslo, norway",
    "europe/copenhagen": "copenhagen, denmark",
    "europe/athens": "athens, greece",
    "europe/dublin": "dublin, ireland",
    "europe/lisbon": "lisbon, portugal",
    "europe/warsaw": "warsaw, poland",
    "europe/prague": "prague",
    "europe/moscow": "moscow, russia",
    "europe/kyiv": "kyiv, kiev, ukraine",
    "europe/istanbul": "istanbul, turkey",
    "africa/cairo": "cairo, egypt",
    "africa/johannesburg": "johannesburg, cape town, south africa",
    "africa/nairobi": "nairobi, kenya",
    "pacific/auckland": "auckland, wellington, new zealand",
    "pacific/honolulu": "honolulu, hawaii",
    "utc": "utc, u t c, greenwich, gmt",
}
_REGIONS = ("europe", "america", "asia", "africa", "australia", "pacific", "atlantic", "indian")

_ASKS = re.compile(
    r"\bwhat time\b|\btime is it\b|\bwhat hour is it\b|\bhow late is it\b|\b(?:current|local) time\b"
    r"|\b(?:what is|what was|tell me|know|have|give me|say|got) the (?:current |right |exact |local )*(?:time|hour)\b"
    r"|^(?:the )?time(?: now)?$|^(?:the )?time in\b"
    r"|^is it (?:morning|afternoon|evening|night|noon|midnight|late|early)\b"
)
_NOT_ASKED = re.compile(r"\b(?:timers?|left|should|does|will|sun|until)\b|\btime (?:of|for|to)\b")
_PLACE = re.compile(r"\b(?:in|at|over in|for) (?:the city of )?(?P<place>[a-z][a-z ]*?)(?: (?:right )?now| today)?$")
_AND_IN = re.compile(r"^(?:and|what about|how about|and what about)?(?: ?(?:in|at|an))? ?(?P<place>[a-z][a-z ]*?)$")
_HERE = re.compile(r"|here|there|now|present|home|us|(?:the|this|a) moment.*|(?:this|my|your)\b.*")


def answer(request: Request) -> str | None:
    place = _place_asked(request)
    if place is None:
        return None
    if _HERE.fullmatch(place):
        return f"It is {_said(request.now, request.clock_hours)}."
    zone = _zone(place)
    if zone is None:
        return f"I do not know what time it is in {_titled(place)}. Ask me about a big city, like Tokyo or New York."
    return f"It is {_said(request.now.astimezone(zone), request.clock_hours)} in {_titled(place)}."


def _place_asked(request: Request) -> str | None:
    """Give the place whose time is wanted, '' for here, None if no time is."""
    if _ASKS.search(request.words) and not _NOT_ASKED.search(request.words):
        found = _PLACE.search(request.words)
        return found["place"] if found else ""
    follow_up = _AND_IN.match(request.words)
    if not follow_up or not re.match(
        r"It is [0-9].* in |It is [0-9:]+|It is 12 |I do not know what time", request.last_said
    ):
        return None
    place = follow_up["place"]
    starts_so = re.match(r"(?:and|what about|how about|in)\b", request.words)
    return place if starts_so and (_zone(place) or " in " in f" {request.words} ") else None


def _zone(place: str) -> ZoneInfo | None:
    place = place.removesuffix(" time")
    known = (zone for zone, places in _PLACES.items() if place in places.split(", "))
    names = [*known, *(f"{region}/{place.replace(' ', '_')}" for region in _REGIONS)]
    for name in names:
        try:
            return ZoneInfo(_as_filed(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return None


def _as_filed(name: str) -> str:
    """Write "asia/ho_chi_minh" as the zone files do; they are case-sensitive on most systems."""
    return name.upper() if "/" not in name else re.sub(r"[a-z]+", lambda match: match[0].capitalize(), name)


def _titled(place: str) -> str:
    return " ".join(word if word in ("the", "of", "de") else word.capitalize() for word in place.split()[:6])


def _said(time: datetime, clock_hours: int) -> str:
    """Give a time so that it reads and sounds right: "3:05 PM", "3 PM", "12 noon"."""
    hour, minute = time.hour, time.minute
    if clock_hours == 24:
        return f"{hour}:{minute:02d}" if minute else f"{hour} o'clock"
    if minute == 0 and hour % 12 == 0:
        return "12 noon" if hour else "12 midnight"
    on_the_dial = (hour - 1) % 12 + 1
    return f"{on_the_dial}{f':{minute:02d}' if minute else ''} {'AM' if hour < 12 else 'PM'}"
