/** The bus methods of the executor. */
import { Handle } from '@hero/bus';
import { inspectSource, type Params } from '@hero/contracts';
import { Controller } from '@nestjs/common';
import { Inspections } from './inspections.js';

@Controller()
export class ExecutorHandlers {
  constructor(private readonly inspections: Inspections) {}

  @Handle(inspectSource)
  inspect({ python_source }: Params<typeof inspectSource>) {
    return this.inspections.inspect(python_source);
  }
}
