// Results that are waited for, by the number that their payload begins with.

export class Results {
  #waiting = new Map();

  /// The result of `payload`.
  of(payload) {
    return new Promise((resolve) => this.#waiting.set(payload.readBigUInt64LE(), resolve));
  }

  came(payload) {
    const number = payload.readBigUInt64LE();
    this.#waiting.get(number)?.(payload);
    this.#waiting.delete(number);
  }
}
