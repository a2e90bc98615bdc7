import { Module } from '@nestjs/common';
import { Handlers } from './handlers.js';

@Module({ controllers: [Handlers] })
export class AdminGatewayModule {}
