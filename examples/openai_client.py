"""OpenAI's own client against `attune serve`: what the person's voice expresses goes with the message, and shapes the answer.

    ATTUNE_LLM_URL=http://localhost:11434/v1 ATTUNE_LLM_MODEL=llama3.2 attune serve        # or without: the reflective listener answers
    python examples/openai_client.py http://127.0.0.1:8000
"""

import sys

from openai import OpenAI

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"


def main() -> None:
    client = OpenAI(base_url=f"{ADDRESS}/v1", api_key="unused")
    message = {"role": "user", "content": "I'm fine, thanks for asking.", "models": {"prosody": {"scores": {"Sadness": 0.8, "Distress": 0.5}}}}
    for piece in client.chat.completions.create(model="attune", messages=[message], stream=True):
        if about := (piece.model_extra or {}).get("attune"):
            print(*about["expression"], sep="\n")
            print(f"measured in {about['measured_ms']:.0f} ms, answered by {about['by']}\n")
        print(piece.choices[0].delta.content or "", end="", flush=True)
    print()


if __name__ == "__main__":
    main()
