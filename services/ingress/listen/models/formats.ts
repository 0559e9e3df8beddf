// The model APIs whose tool calls are taken as they are emitted. One more is one more line, and its module.
import { anthropic } from "./anthropic.ts";
import type { ModelFormat } from "./format.ts";
import { gemini } from "./gemini.ts";
import { openaiChat, openaiResponses } from "./openai.ts";

export const modelFormats: readonly ModelFormat[] = [openaiChat, openaiResponses, anthropic, gemini];
