"""The bare application that H is measured on: one coroutine that answers hello."""

from fastapi import FastAPI

app = FastAPI(openapi_url=None)


@app.get("/")
async def hello() -> dict[str, str]:
    return {"hello": "world"}
