/** An answer the server owes: one per Execute, one per Sync, and one per simple query, function call or startup. */
export interface Answer {
  readonly to: 'execute' | 'sync' | 'query';
}

/** Which answers a server still owes, so that a proxy knows where the answer to one statement begins and ends. */
export class Answers {
  #owed: Answer[] = [{ to: 'query' }];
  /** After an error the server takes no notice of anything before the next Sync. */
  #skipping = false;
  /** While it reads COPY data it takes no notice of Sync; the one that counts comes after the data. */
  #copying = false;
  #syncComesAgain = false;

  /** The client has sent a message of this type. */
  sent(type: string): Answer | undefined {
    if (type === 'c' || type === 'f') this.#copying = false;
    if (type === 'S') return this.#sync();
    if (this.#skipping || !'EQF'.includes(type)) return undefined;
    return this.#owe(type === 'E' ? 'execute' : 'query');
  }

  /** The server has sent a message of this type. */
  received(type: string): void {
    const first = this.#owed[0]?.to;
    if ('CsI'.includes(type) && first === 'execute') this.#owed.shift();
    if (type === 'G') this.#startCopy(first);
    if (type === 'E') this.#fail(first);
    if (type === 'Z') this.#owed.splice(0, this.#owed.findIndex(({ to }) => to !== 'execute') + 1);
  }

  /** Everything before `answer` has come. */
  isNext(answer: Answer): boolean {
    return this.#owed.indexOf(answer) <= 0;
  }

  isOwed(answer: Answer): boolean {
    return this.#owed.includes(answer);
  }

  #sync(): Answer | undefined {
    this.#skipping = false;
    if (this.#copying) return undefined;
    const again = this.#syncComesAgain;
    this.#syncComesAgain = false;
    return again ? undefined : this.#owe('sync');
  }

  #owe(to: Answer['to']): Answer {
    const answer = { to };
    this.#owed.push(answer);
    return answer;
  }

  #startCopy(first: Answer['to'] | undefined): void {
    if (first !== 'execute') return;
    this.#copying = true;
    this.#syncComesAgain = this.#owed.some(({ to }) => to === 'sync');
  }

  #fail(first: Answer['to'] | undefined): void {
    this.#copying = false;
    if (first === 'query') return;
    const sync = this.#owed.findIndex(({ to }) => to === 'sync');
    this.#skipping = sync < 0;
    this.#owed.splice(0, sync < 0 ? this.#owed.length : sync);
  }
}
