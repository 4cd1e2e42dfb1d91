"""Names of feelings in the writer's own words: distant labels for what no open corpus labels.

Somebody who writes "that was so awkward" names what the sentence is about, as a hashtag does (Mohammad 2012, #Emotional Tweets;
Saravia et al. 2018, CARER). `found` reads such names; `hidden` takes the word out, so that a model has to tell it from the rest of the
sentence, in training and when it is measured.
"""

from __future__ import annotations

import re

MASK = "[MASK]"
UNSURE = "?"

WORDS = {
    "Adoration": r"ador(?:e|es|ed|ing|able|ation)",
    "Aesthetic Appreciation": r"beautiful|beautifully|beauty|gorgeous|stunning|scenic|picturesque",
    "Awe": r"(?:in )?awe|awed|awestruck|breathtaking|mind[- ]?blow(?:n|ing)|awe[- ]?inspiring",
    "Awkwardness": r"awkward|awkwardly|awkwardness|cringe|cringy",
    "Boredom": r"bored|boring|boredom|tedious",
    "Calmness": r"calm|calmly|calming|calmness|calmed|peaceful|relaxed|relaxing|serene|tranquil",
    "Concentration": r"focus(?:ed|ing)?|concentrat(?:e|ed|ing|ion)",
    "Contemplation": r"contemplat(?:e|ed|ing|ive|ion)|ponder(?:ed|ing)?|reflecting|pensive|reminisc(?:e|ed|ing)",
    "Contempt": r"contempt|contemptible|contemptuous|pathetic|despise|despicable|scorn",
    "Craving": r"crav(?:e|es|ed|ing|ings)|hungry|starving",
    "Determination": r"determined|determination|resolved to|won't give up|will not give up",
    "Distress": r"distress(?:ed|ing)?|upset|upsetting|stressed|overwhelmed|distraught",
    "Doubt": r"doubt(?:s|ed|ing|ful)?|s[kc]eptical",
    "Ecstasy": r"ecstasy|ecstatic|euphori[ac]|elated|over the moon|thrilled",
    "Empathic Pain": r"heart ?breaking|my heart (?:breaks|aches|goes out)|breaks my heart|feel (?:so |really )?(?:bad|terrible|awful) for",
    "Enthusiasm": r"enthusias(?:m|tic|tically)|stoked|hyped|pumped|psyched",
    "Entrancement": r"entranced?|mesmeri[sz](?:ed|ing)|captivat(?:ed|ing)|fascinat(?:ed|ing)|spellbound|hypnoti[sz](?:ed|ing)",
    "Horror": r"horrif(?:ied|ying|ic)|horror|horrors|gruesome",
    "Pain": r"pain|pains|painful|painfully|hurts|hurting|aches|aching|agony",
    "Romance": r"romantic|romance|smitten|romantically",
    "Sarcasm": r"/s",
    "Satisfaction": r"satisfied|satisfying|satisfaction|satisfactory",
    "Sympathy": r"sympath(?:y|ies|etic|ize|ise)|sorry for your loss|sorry to hear|sorry you|feel sorry for|my condolences|compassion(?:ate)?",
    "Tiredness": r"tired|exhaust(?:ed|ing)|sleepy|tiring|fatigued?|worn out",
    "Triumph": r"triumph(?:s|ed|ant)?|victor(?:y|ious)|(?:we|i|finally) won|championship",
    "Contentment": r"contentment|contented",
    "Envy": r"envy|envious|jealous|jealousy",
    "Nostalgia": r"nostalgia|nostalgic",
    "Shame": r"ashamed|shameful",
}
_FOUND = {name: re.compile(rf"(?<![\w'])(?:{pattern})(?!\w)", re.IGNORECASE) for name, pattern in WORDS.items()}
_DENIAL = r"not|no|never|without|less|isn'?t|wasn'?t|aren'?t|don'?t|doesn'?t|didn'?t|can'?t|cannot|nothing|hardly"
_DENIED = re.compile(rf"\b(?:{_DENIAL})(?:\s+\w+){{0,2}}\s*$", re.IGNORECASE)


def found(text: str) -> dict[str, bool]:
    """Names that the text says, and whether it does so without a denial just before: {"Boredom": True}.

    >>> found("I'm so bored, it's not even awkward")
    {'Awkwardness': False, 'Boredom': True}
    """
    out = {}
    for name, pattern in _FOUND.items():
        hits = list(pattern.finditer(text))
        if hits:
            out[name] = not any(_DENIED.search(text[: hit.start()]) for hit in hits)
    return dict(sorted(out.items()))


def hidden(text: str, name: str) -> str:
    """The text with the words that say this name replaced by a mask; what marks sarcasm is simply left out.

    >>> hidden("So bored. Boring!", "Boredom")
    'So [MASK]. [MASK]!'
    """
    return _FOUND[name].sub("" if name == "Sarcasm" else MASK, text)
