"""Texts that run, or would look like something else, wherever they are taken for more than text."""

MARK = "__pwned"
SET = f"window.{MARK}=1"

# Each sets `window.__pwned` when it is taken for markup, or when its link is followed; 60
# characters at most, as long as the shortest of the fields. These do so by themselves, as soon as
# they are the markup of a page.
RUN_AT_ONCE = (
    f"<script>{SET}</script>",
    f"<img src=x onerror={SET}>",
    f"<svg><script>{SET}</script>",
    f"<details open ontoggle={SET}>",
    f"<video src=x onerror={SET}>",
    f"<audio src onerror={SET}>",
    f"<iframe srcdoc='<script>parent.{MARK}=1</script>'>",
    f'<iframe src="javascript:parent.{MARK}=1">',
    f"<style onload={SET}></style>",
    f"'><img src=x onerror={SET}>",
    f'"><img src=x onerror={SET}>',
    f"--><img src=x onerror={SET}>",
    f"</script><script>{SET}</script>",
    f"</textarea><img src=x onerror={SET}>",
    f"</title><img src=x onerror={SET}>",
    f"</style><img src=x onerror={SET}>",
    f"]]><img src=x onerror={SET}>",
    f"<img/src/onerror={SET}>",
)
# These in some places only, in some browsers, or once somebody follows them.
MARKUP = (
    *RUN_AT_ONCE,
    f"<img src=x onerror='{SET}'//",
    f"<input autofocus onfocus={SET}>",
    f"<svg onload={SET}>",
    f"<body onload={SET}>",
    f'<object data="javascript:{SET}">',
    f'<a href="javascript:{SET}">x</a>',
    f'<form action="javascript:{SET}"><button>x',
    f"<marquee onstart={SET}>x",
    f'" onmouseover={SET} x="',
    f'" autofocus onfocus={SET} x="',
    f"' autofocus onfocus={SET} x='",
    f"javascript:{SET}",
    f"{{{{constructor.constructor('{SET}')()}}}}",
    f"${{{SET}}}`",
    f"\\u003cimg src=x onerror={SET}\\u003e",
    f"&lt;img src=x onerror={SET}&gt;",
    f'<math><mi xlink:href="javascript:{SET}">x',
)

# What a terminal would obey: colours, titles, links, the clipboard, moves, answers typed for the
# user.
TERMINAL = (
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b]52;c;ZWNobyBoaQ==\x07", "\x1b]8;;http://evil\x1b\\x",
    "\x1b[2J\x1b[H", "\x1b[1A\x1b[2K", "\x1b[6n", "\x1bP+q544e\x1b\\", "\x1bc", "\x9b31m", "\x9d0;t\x9c",
    "\r over", "\b\b\b", "\x07", "\x00", "\u202e reversed", "\u2066x", "\x1b[?1049h", "\x1b[5i",
    # What the library that draws would make escapes of.
    "[link=http://evil.example]x[/link]", "[bold red]x", "[/]", "[/x]", "[@click=x]y[/]", ":bomb:",
)  # fmt: skip
