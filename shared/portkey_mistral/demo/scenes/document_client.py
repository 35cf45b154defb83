"""A PDF that is read by OCR and asked about, with the client."""

from __future__ import annotations

from portkey_mistral import ChatRequest, Client, Message, OCRRequest
from portkey_mistral.demo.material import REPORT_PAGES, REPORT_QUESTION
from portkey_mistral.demo.pdf import make_pdf
from portkey_mistral.demo.stage import Arguments, Stage
from portkey_mistral.documents import ocr_document


def answer(pdf: bytes, connection: Arguments) -> tuple[str, int]:
    client = Client(**connection)
    document = ocr_document(pdf, name="report.pdf")
    read = client.ocr(OCRRequest(model="mistral-ocr-latest", document=document))

    prompt = f"Context:\n{read.text}\n\nQuestion: {REPORT_QUESTION}"
    messages = [Message.user(prompt)]
    request = ChatRequest(model="mistral-small-latest", messages=messages)
    return client.chat(request).text, len(read.pages)


def play(stage: Stage) -> None:
    stage.code(answer)
    pdf = make_pdf(REPORT_PAGES)
    stage.say("document", f"a PDF of {len(REPORT_PAGES)} pages and {len(pdf):,} bytes")
    stage.ask(REPORT_QUESTION)
    with stage.console.status("reading the document"):
        text, pages = answer(pdf, stage.connection)
    stage.answer(text)
    stage.say("read", f"{pages} pages")
