import { Catch, type ArgumentsHost, type ExceptionFilter, type ExecutionContext } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { throwError } from 'rxjs';
import { StepUpRequiredError } from '../core/sender-errors.js';
import type { JwksService } from '../jwks.service.js';
import { completedService } from './completed-service.js';
import { isObject } from './fields.js';
import { requestOf } from './request/request-context.js';
import { knownOf } from './request/request-state.js';
import { offerOf } from './response/challenge.js';
import { graphqlExceptionOf } from './response/graphql-refusal.js';
import { rpcPayloadOf } from './response/message-refusal.js';
import { errorResponseOf, httpExceptionOf } from './response/refusal.js';
import { setHeaders } from './response/refuse.js';

/**
 * Responds to a `StepUpRequiredError` that a handler or a service throws as the guard does to one of
 * its own: only there is it known how much a request is worth.
 *
 * @internal
 */
@Catch(StepUpRequiredError)
export class StepUpFilter implements ExceptionFilter<StepUpRequiredError> {
  constructor(
    private readonly service: () => JwksService,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  catch(error: StepUpRequiredError, host: ArgumentsHost): unknown {
    const jwks = completedService(this.service());
    const context = host as ExecutionContext;
    const request = requestOf(context);
    const attached = isObject(request) ? knownOf(request)?.attached : undefined;
    jwks.report(error, attached?.authentication.token.issuer);
    const offer = offerOf(jwks, { request: () => request, context });
    const response = errorResponseOf(error, jwks.settings.realm, offer);
    if (!response) throw error;
    const { httpAdapter } = this.adapterHost;
    switch (host.getType<string>()) {
      case 'graphql':
        return graphqlExceptionOf(response, error);
      case 'rpc':
        return throwError(() => rpcPayloadOf(response, context));
      default:
        setHeaders(response, context, httpAdapter);
        return new BaseExceptionFilter(httpAdapter).catch(httpExceptionOf(response, error), host);
    }
  }
}
