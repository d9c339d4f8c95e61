"""Every text of the page that is the same for all networks, by the name that it has there.

The page keeps the language in which it was made.
"""

from transfer_core.languages import N_, _

PAGE_WORDS = {
    "skip": N_("To what I learned"),
    "ask": N_("Show me a picture"),
    "start": N_("Start the camera"),
    "stop": N_("Stop the camera"),
    "choose": N_("Choose pictures"),
    "clear": N_("Clear all"),
    "private": N_(
        "Or drop pictures anywhere on this page. They stay on this device: nothing is "
        "sent anywhere."
    ),
    "script": N_("This page needs JavaScript to look at pictures. Switch it on in your browser."),
    "sees": N_("What the camera sees"),
    "looking": N_("Looking …"),
    "other": N_("Other camera"),
    "about": N_("About me"),
    "learned": N_("What I learned"),
    "know": N_("I know"),
    "taught": N_("pictures I learned from"),
    "right": N_("new pictures I got right"),
    "good": N_("How good I am"),
    "when_unsure": N_("When I say “I am not sure”"),
    "unsafe": N_("Where I am not safe"),
}
SCRIPT_WORDS = {  # fields are filled in by the script
    "tooOld": N_("This browser is too old for this page. Update it, or try another one."),
    "cannotSee": N_("I cannot see this one"),
    "sure": N_("I am {share} sure."),
    "unsure": N_("I am not sure"),
    "unlike": N_("It is unlike all pictures that I learned from. If I must choose: “{name}”."),
    "think": N_("I think: “{name}”"),
    "over": N_("over 99 %"),
    "under": N_("under 1 %"),
    "took": N_("It took {time} ms."),
    "likeliest": N_("The {shown} likeliest of {classes}."),
    "picture": N_("The picture {name}"),
    "dropFiles": N_("Drop files from your computer, not from a page."),
    "NotAllowedError": N_(
        "The camera is not allowed here. Allow it beside the address, or choose pictures."
    ),
    "NotFoundError": N_("I found no camera on this device. Choose pictures instead."),
    "NotReadableError": N_("Another program uses the camera. Close it, or choose pictures."),
    "noCamera": N_(
        "This browser gives this page no camera. Choose pictures instead: a phone can take one."
    ),
    "cameraFailed": N_("The camera does not start. Choose pictures instead."),
    "unread": N_("This picture could not be read ({error})."),
    "tooLarge": N_(
        "This picture is too large: {width} × {height} pixels. It may have 50 million "
        "pixels, and {side} a "
        "side. Make it smaller first."
    ),
    "tooSmall": N_("This picture is too small: {width} × {height} pixels. It needs {side} a side."),
    "tooNarrow": N_(
        "This picture is too narrow: {width} × {height} pixels. Cut out what it should show."
    ),
    "noPicture": N_("This file is no picture. Choose a JPEG or PNG file."),
    "deepGrey": N_(
        "This picture has 16-bit greys, which browsers do not read whole. Save it with 8 bits."
    ),
    "printColours": N_("This picture has the colours of a printing press (CMYK). Save it as RGB."),
    "cutOff": N_("This picture is cut off: its end is missing. Get the whole file."),
    "format": N_("This browser cannot open {format} pictures. Save it as JPEG or PNG."),
    "damaged": N_("This picture is damaged and cannot be opened. Choose another one."),
}


def translate_words() -> dict[str, str]:
    """All texts, in the language of whoever makes the page."""
    return {name: _(text) for name, text in (PAGE_WORDS | SCRIPT_WORDS).items()}
