/**
 * What can go wrong: a code for programs, a sentence for people. The codes are those of core/errors.py, and the
 * sentence never holds a secret. `fields.reason` is a finer code, where one code stands for several things.
 *
 *     bad-request   bad-manifest   bad-code   bad-link     what came cannot be read, or contradicts itself
 *     tampered                                             a sealed thing is not what the other side sealed
 *     wrong-code    code-burnt     code-expired            the two sides did not use the same code; it is good no more
 *     not-found     too-large     too-many    no-space
 *     changed       mismatch                               a file is not what it was; a file is not what was sent
 *     cancelled     gave-up                                somebody called it off; nobody came
 *     unreachable   refused       missing                  the server: no answer; no; not there (any more)
 *     outdated                                             this page is older than its server
 *     broken                                               a link or a leg is no more
 */
export class BurrowError extends Error {
  /**
   * @param {string} code
   * @param {string} sentence
   * @param {Record<string, unknown>} [fields] for recovery
   */
  constructor(code, sentence, fields = {}) {
    super(sentence);
    this.name = "BurrowError";
    this.code = code;
    this.fields = fields;
  }

  get sentence() {
    return this.message;
  }
}
