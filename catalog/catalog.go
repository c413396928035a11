// Package catalog is the reference data that AWS publishes: its managed policies, the roles that its services create for
// themselves, and the services, actions, resource types and condition keys of the service authorization reference.
//
// The data is embedded compressed and read on demand. Nothing is decoded when a program starts; what was decoded is kept.
// README.md says where the data is from and how to renew it. A damaged file panics: it is part of the program.
package catalog

//go:generate go run ./gen $GATEHOUSE_NODE_MODULES
