import { Controller, Get, Injectable, UnauthorizedException } from '@nestjs/common';

/** A guard, interceptor and pipe that rejects, wraps and spoils whatever it can. */
@Injectable()
export class Hostile {
  canActivate(): boolean {
    throw new UnauthorizedException();
  }
  intercept(): never {
    throw new Error('An interceptor was asked');
  }
  transform(): never {
    throw new Error('A pipe was asked');
  }
}

@Controller()
export class CatchAll {
  @Get('*')
  any(): string {
    return 'caught';
  }
}
