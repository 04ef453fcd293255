import { Controller, Get } from '@nestjs/common';
import { Authenticated, Claims } from 'nestjs-jwks';

@Controller('orders')
@Authenticated()
export class OrdersController {
  @Get()
  list(@Claims('sub') customer: string) {
    return { customer, servedBy: process.pid };
  }
}
