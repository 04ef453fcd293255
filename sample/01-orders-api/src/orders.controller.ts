import { Body, Controller, Get, Post } from '@nestjs/common';
import { Authenticated, Claims, Public } from 'nestjs-jwks';
import { OrdersService, type Order } from './orders.service.js';

/** What the identity provider says about the caller, as far as orders care. */
interface CallerClaims {
  sub: string;
  client_id: string;
}

@Controller('orders')
@Authenticated() // every route: a valid token
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Get()
  list(@Claims('sub') customer: string): Order[] {
    return this.orders.of(customer);
  }

  @Post()
  @Authenticated({ scopes: ['orders:write'] }) // this route: the scope too, else 403
  place(@Claims() claims: CallerClaims, @Body('item') item: string): Order {
    return this.orders.place(claims.sub, item);
  }

  @Public() // no token
  @Get('health')
  health(): { status: string } {
    return { status: 'open for orders' };
  }
}
