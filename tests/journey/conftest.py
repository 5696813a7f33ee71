from tests.browser.conftest import chromium, complaints, live, page_as, people

__all__ = ["chromium", "complaints", "live", "page_as", "people"]
