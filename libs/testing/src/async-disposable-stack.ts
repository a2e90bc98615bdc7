/** The part of the standard AsyncDisposableStack that tests use, for Node before 24. It disposes in reverse order. */
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
