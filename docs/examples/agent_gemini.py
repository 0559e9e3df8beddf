"""An agent on Gemini whose every function call goes through Callgate; needs nothing but httpx."""
import httpx


def run_agent(gemini_url: str, key: str, model: str, question: str, callgate_url: str, token: str) -> str:
    callgate = httpx.Client(base_url=callgate_url, headers={"authorization": f"Bearer {token}"}, timeout=120)
    gemini = httpx.Client(base_url=gemini_url, headers={"x-goog-api-key": key}, timeout=120)
    tools = callgate.get("/v1/functions", params={"format": "gemini"}).raise_for_status().json()["tools"]
    contents = [{"role": "user", "parts": [{"text": question}]}]
    while True:
        asked = gemini.post(f"/v1beta/models/{model}:generateContent", json={"contents": contents, "tools": tools})
        content = asked.raise_for_status().json()["candidates"][0]["content"]
        contents.append(content)
        if not any("functionCall" in part for part in content["parts"]):
            return "".join(part.get("text", "") for part in content["parts"])
        ran = callgate.post("/v1/gemini/function-calls", json=content)
        contents += ran.raise_for_status().json()["contents"]
