/** The Nest module of the gateway: the handlers of its own two methods. */
import { Module } from '@nestjs/common';
import { Handlers } from './handlers.js';

@Module({ controllers: [Handlers] })
export class AdminGatewayModule {}
