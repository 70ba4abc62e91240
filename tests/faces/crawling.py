"""Following every link of the desk, each kind of page once."""

import re
from collections.abc import Iterator
from urllib.parse import urldefrag, urljoin

from fastapi.testclient import TestClient
from httpx2 import Response

from tests.markup import parse_page

NAMED = re.compile(r"(?<=/)(?!report|matrix|trail|participants|exports)[^/?]*[0-9A-Z][^/?]*")
"""What stands for one record in an address."""


def kind_of(url: str) -> str:
    """The page that an address opens, whichever record and choice it names."""
    return NAMED.sub("_", url.partition("?")[0])


def crawl(browser: TestClient) -> Iterator[tuple[str, Response]]:
    """Each kind of page and file to which links lead from the entrance, and its answer.

    A page that does not open fails with the one that links it.
    """
    waiting, seen = [("/desk", "")], set[str]()
    while waiting:
        url, shown_on = waiting.pop()
        if kind_of(url) in seen:
            continue
        seen.add(kind_of(url))
        answer = browser.get(url)
        assert answer.status_code in (200, 303), (url, shown_on, answer.status_code)
        if answer.status_code == 303:
            waiting.append((answer.headers["location"], url))
            continue
        yield url, answer
        if answer.headers["content-type"].startswith("text/html"):
            hrefs = (str(each["href"]) for each in parse_page(answer.text).all("a") if each.get("href"))
            links = (urldefrag(urljoin(url, href)).url for href in hrefs)
            waiting += [(link, url) for link in links if link.startswith("/desk")]
