"""Reads the form of a page as a browser does, to send it back."""

from html.parser import HTMLParser


class FormReader(HTMLParser):
    """``values``: what the form sends. ``buttons``: the values of ``action``. ``focus``: an id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self.buttons: list[str] = []
        self.disabled: list[str] = []
        self.invalid: list[str] = []
        self.focus = ""
        self._is_inside = False
        self._text: tuple[str, list[str]] | None = None
        self._options: tuple[str, list[tuple[str, bool]]] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if "autofocus" in given:
            self.focus = given.get("id") or ""
        if tag == "form":
            self._is_inside = given.get("id") == "edit"
        if not self._is_inside:
            return
        name = given.get("name") or ""
        if given.get("aria-invalid"):
            self.invalid.append(name)
        if tag == "button":
            (self.disabled if "disabled" in given else self.buttons).append(given["value"] or "")
        elif tag == "textarea":
            self._text = (name, [])
        elif tag == "select":
            self._options = (name, [])
        elif tag == "option" and self._options:
            self._options[1].append((given["value"] or "", "selected" in given))
        elif tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            default = "on" if given.get("type") == "checkbox" else ""
            self._add(name, given.get("value") or default)

    def handle_data(self, data: str) -> None:
        if self._text:
            self._text[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False
        elif tag == "textarea" and self._text:
            text = "".join(self._text[1]).removeprefix("\n")
            self._add(self._text[0], text.replace("\n", "\r\n"))
            self._text = None
        elif tag == "select" and self._options:
            name, options = self._options
            chosen = [value for value, is_selected in options if is_selected]
            self._add(name, (chosen or [options[0][0]])[0])
            self._options = None

    def _add(self, name: str, value: str) -> None:
        self.values.setdefault(name, []).append(value)
