"""HTML as tests read it: its elements, its text, and whether its tags fit together."""

import html.parser


class Markup(html.parser.HTMLParser):
    """The tags of a page, the attributes of each, its text, and whether each tag that opens closes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.open, self.fits = [], True
        self.feed(text)
        self.fits = self.fits and not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)
        self.attributes.append(dict(attrs))

    def handle_endtag(self, tag):
        self.fits = bool(self.open) and self.open.pop() == tag and self.fits

    def handle_data(self, data):
        self.text += data

    def all(self, *names):
        """The values of these attributes, of all elements that have them."""
        return [found[name] for found in self.attributes for name in names if found.get(name)]
