/** The part of JavaScript's own AsyncDisposableStack that tests use, for Node before 24: what was taken last is given back first. */
export class AsyncDisposableStack implements AsyncDisposable {
  private readonly ends: (() => PromiseLike<void> | void)[] = [];

  use<T extends AsyncDisposable>(resource: T): T {
    this.defer(() => resource[Symbol.asyncDispose]());
    return resource;
  }

  defer(end: () => PromiseLike<void> | void): void {
    this.ends.push(end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let end = this.ends.pop(); end; end = this.ends.pop()) await end();
  }
}
