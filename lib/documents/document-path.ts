/** A path in which neither Express nor Fastify would find a pattern. @internal */
export const DOCUMENT_PATH = /^\/?(?!\.{1,2}(?:\/|$))[\w.~-]+(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)*$/;

/** What it is made of, for a message. @internal */
export const PATH_CHARACTERS = "letters, digits, '-', '.', '_', '~' and '/'";
