/** The namespace of a request that names none. */
const defaultNamespace = 'default';

/** The namespace that a request means. Whether it may be one is looked at with the rest of the request. */
export function namespaceOf(request: { readonly namespace: string }): string {
  return request.namespace === '' ? defaultNamespace : request.namespace;
}
