import 'reflect-metadata';
import { type Contract, type Params, type Result, subjectOf } from '@hero/contracts';
import { Catch, type ExceptionFilter, UseFilters } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { type Observable, throwError } from 'rxjs';

/** What a handler learns of a question besides its parameters. */
export interface CallContext {
  /** The name of the asking connection, e.g. `admin-gateway`. A fact for logs, not a proof. */
  readonly caller: string;
  readonly subject: string;
  /** Aborted when this service stops: a handler that waits then answers with what there is. */
  readonly closing: AbortSignal;
}

/** Nest's own filter would log errors and hide their type; the door (BusServer) decides about them, once. */
@Catch()
class LetThrough implements ExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
const letThrough = new LetThrough();

/** The key under which a handler's contract travels through Nest's pattern extras. */
export const CONTRACT = 'heroContract';

type Handler<C extends Contract> = (params: Params<C>, context: CallContext) => Promise<Result<C>> | Result<C>;

/** Makes a controller's method answer a contract. A method that does not fit the contract does not compile. */
export function Handle<C extends Contract>(contract: C) {
  return <M extends Handler<C>>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<M>): void => {
    MessagePattern(subjectOf(contract), { [CONTRACT]: contract })(target, key, descriptor);
    Payload()(target, key, 0);
    Ctx()(target, key, 1);
    UseFilters(letThrough)(target, key, descriptor);
  };
}
