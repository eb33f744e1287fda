// Kept events of streams, so that a client can come back for those it missed.

export class Events {
  #kept = [];

  async storeEvent(stream, message) {
    this.#kept.push({ stream, message });
    return String(this.#kept.length);
  }

  async replayEventsAfter(last, { send }) {
    const index = Number(last);
    const { stream } = this.#kept[index - 1] ?? {};
    if (stream === undefined) throw new Error(`no event ${last}`);
    for (const [offset, event] of this.#kept.slice(index).entries()) {
      if (event.stream === stream) await send(String(index + offset + 1), event.message);
    }
    return stream;
  }
}
