// The IPv4 address of a VM: 10.x.y.z from the last three octets of its MAC address, so that
// coordinator, node, command line and page say the same without asking each other.
// Not here: how a guest is told (node-agent/network/address-answers.ts). That no two VMs have one
// address is the coordinator's care when it makes identities (coordinator/identity.ts).
// Text in and out. 10.0.0.0/8 is private address space (RFC 1918, section 3).

/** Who answers a guest's questions for its address: every node, for its own VMs. */
export const answeringIpv4 = '10.255.255.254'
/** The whole cluster is one network of 10.0.0.0/8. */
export const ipv4PrefixBits = 8

/** `10.x.y.z` of a MAC as an identity has it. */
export function ipv4OfMac(mac: string): string {
  const octets = mac.split(':').slice(-3)
  return `10.${octets.map((octet) => Number.parseInt(octet, 16)).join('.')}`
}

/** Not for a VM: the network itself, all of it (broadcast), and the nodes' own address. */
export const reservedIpv4: readonly string[] = ['10.0.0.0', '10.255.255.255', answeringIpv4]
