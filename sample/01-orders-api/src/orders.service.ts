import { Injectable } from '@nestjs/common';

export interface Order {
  id: number;
  customer: string;
  item: string;
}

@Injectable()
export class OrdersService {
  private readonly orders: Order[] = [
    { id: 1, customer: 'shop', item: 'a teapot' },
    { id: 2, customer: 'warehouse', item: 'forty teapots' },
  ];

  of(customer: string): Order[] {
    return this.orders.filter((order) => order.customer === customer);
  }

  place(customer: string, item: string): Order {
    const order = { id: this.orders.length + 1, customer, item };
    this.orders.push(order);
    return order;
  }
}
