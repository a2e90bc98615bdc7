/**
 * What a play says, before anything of it leaves the executor: the second look, after that of the SDK, which is in the hands of
 * the play.
 *
 * 1. What is shown (events, output, the text of errors) is shown with the names of secrets instead of their values.
 * 2. What is remembered or sent on (outcomes, questions, inputs of children, parameters) is refused: an outcome that was altered
 *    would replay differently (decision 26).
 * 3. A value that the play gets while it runs is known to the guard before the play has it.
 */
import type { PlayFrame, StepOutcome } from '@hero/contracts';
import { Redactor } from './redactor.js';
import type { Secrets } from './secrets.js';

const NOTHING = new Redactor([]);

export class SecretGuard {
  private redactor: Redactor;

  constructor(
    private readonly secrets: Secrets,
    /** The names that the play's version declares. */
    private readonly declared: readonly string[],
  ) {
    this.redactor = secrets.redactor(declared) ?? NOTHING;
  }

  /** The value of a secret that the play asks for. */
  give(name: string): string {
    const value = this.secrets.ask(name, this.declared);
    // Rule 3: the file may have changed since.
    if (this.redactor.find(value) === undefined) this.redactor = this.secrets.redactor(this.declared) ?? NOTHING;
    return value;
  }

  text(text: string): string {
    return this.redactor.text(text);
  }

  /** Rule 1, for an event that was parsed from this line. */
  event<T>(event: T, line: string): T {
    return this.redactor.maySee(line) ? this.redactor.value(event) : event;
  }

  /** The frame as it may leave, or the name of the secret for which it is refused (rule 2). */
  frame(frame: PlayFrame): PlayFrame | { secret: string } {
    if (this.redactor === NOTHING || !this.redactor.maySee(JSON.stringify(frame))) return frame;
    const shown = this.shown(frame);
    const secret = this.redactor.find(JSON.stringify(shown));
    return secret === undefined ? shown : { secret };
  }

  private shown(frame: PlayFrame): PlayFrame {
    if (frame.t === 'end' && frame.error) return { ...frame, error: this.redactor.value(frame.error) };
    if (frame.t !== 'commit') return frame;
    return { ...frame, steps: frame.steps.map((step) => this.step(step)) };
  }

  private step(step: StepOutcome): StepOutcome {
    return step.kind === 'error' ? { ...step, outcome: this.redactor.json(step.outcome) } : step;
  }
}

export const refusal = (secret: string): string =>
  `It contains the secret ${secret}, which must not be stored: ask for it where it is needed, with flow.secret(${JSON.stringify(secret)}).`;
