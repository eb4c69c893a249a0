import json

from apiroutes import Request, Response

from ._lib import body_of, defined, returned, typeof

HELPERS = {
    "status": "status",
    "json": "json",
    "send": "send",
    "redirect": "redirect",
    "setDraftMode": "set_draft_mode",
    "setPreviewData": "set_preview_data",
    "clearPreviewData": "clear_preview_data",
    "revalidate": "revalidate",
}


def handler(req: Request, res: Response) -> None:
    query = json.dumps(req.query, separators=(",", ":"))
    req.query = {"replaced": True}  # type: ignore[dict-item]
    returned["json"] = res.json(  # type: ignore[func-returns-value]
        defined(
            query=query,
            queryAfterAssign=req.query,
            bodyType=typeof(body_of(req)),
            cookiesType=typeof(req.cookies),
            preview=typeof(getattr(req, "preview", None)),
            draftMode=typeof(req.draft_mode or None),
            previewData=req.preview_data,
            helpers=[name for name, ours in HELPERS.items() if callable(getattr(res, ours, None))],
            statusReturnsRes=res.status(200) is res,
            reqCtor=type(req).__name__,
            resCtor=type(res).__name__,
            httpVersion=req.environ["SERVER_PROTOCOL"].removeprefix("HTTP/"),
            env=bool(getattr(req, "env", None)),
        )
    )
