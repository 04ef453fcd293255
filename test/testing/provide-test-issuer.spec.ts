import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { provideTestIssuer, TestIssuer } from '../../lib/testing/index.js';

const reachable = (issuer: TestIssuer) =>
  fetch(issuer.jwksUri).then(
    (response) => response.ok,
    () => false,
  );

describe('provideTestIssuer', () => {
  it('starts an issuer with the module and closes it with the application', async () => {
    const module = await Test.createTestingModule({
      imports: [provideTestIssuer({ audience: 'orders-api' })],
    }).compile();
    const issuer = module.get(TestIssuer);
    expect(issuer.audience).toBe('orders-api');
    expect(await reachable(issuer)).toBe(true);
    await module.close();
    expect(await reachable(issuer)).toBe(false);
  });

  it('provides to every module', async () => {
    @Module({
      providers: [{ provide: 'trust', inject: [TestIssuer], useFactory: (issuer: TestIssuer) => issuer.options() }],
    })
    class FeatureModule {}
    const module = await Test.createTestingModule({ imports: [FeatureModule, provideTestIssuer()] }).compile();
    expect(module.get('trust', { strict: false })).toEqual({ issuer: module.get(TestIssuer).issuer, audience: false });
    await module.close();
  });

  it('leaves an issuer that it was handed to whoever started it', async () => {
    await using issuer = await TestIssuer.start();
    const module = await Test.createTestingModule({ imports: [provideTestIssuer(issuer)] }).compile();
    expect(module.get(TestIssuer)).toBe(issuer);
    await module.close();
    expect(await reachable(issuer)).toBe(true);
  });

  it('makes one issuer per call', async () => {
    const [one, two] = await Promise.all(
      [0, 1].map(() => Test.createTestingModule({ imports: [provideTestIssuer()] }).compile()),
    );
    expect(one!.get(TestIssuer).issuer).not.toBe(two!.get(TestIssuer).issuer);
    await Promise.all([one!.close(), two!.close()]);
  });
});
