// Which hosts are this machine itself, so that what is said to them crosses no network. By name and
// form alone: nothing is looked up. Source: RFC 1122, section 3.2.1.3 (127/8); RFC 4291, 2.5.3.

/** @param host as one listens on it: an IPv6 address without brackets. */
export const isLoopback = (host: string): boolean => /^(127\.[\d.]+|::1|localhost)$/.test(host)
