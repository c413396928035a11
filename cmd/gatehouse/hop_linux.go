package main

import (
	"net"
	"syscall"
)

// setHops limits how many network hops what is sent on c survives.
func setHops(c net.Conn, n int) error {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return err
	}
	level, option := syscall.IPPROTO_IP, syscall.IP_TTL
	if a, ok := t.LocalAddr().(*net.TCPAddr); ok && a.IP.To4() == nil {
		level, option = syscall.IPPROTO_IPV6, syscall.IPV6_UNICAST_HOPS
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), level, option, n) })
	if err != nil {
		return err
	}
	return failed
}
