// The xDS server of go-control-plane, as the benchmark compares ours with it: it serves the resources that it is given, and changes one of them when it
// is told to by a line on its standard input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"
)

// Nodes of one cluster (Node.cluster) share one snapshot; where there is one key only, all nodes do.
type input struct {
	// Key of the snapshot → type URL → resources in binary.
	Snapshots map[string]map[string][][]byte
	// Name of the assignment that changes, and its versions, which take turns.
	Changing string
	Variants [][]byte
}

type hash struct{ single string }

func (h hash) ID(node *core.Node) string {
	if h.single != "" {
		return h.single
	}
	return node.GetCluster()
}

func parse(typeURL string, bytes []byte) types.Resource {
	var message types.Resource
	switch typeURL {
	case resource.ClusterType:
		message = &cluster.Cluster{}
	case resource.EndpointType:
		message = &endpoint.ClusterLoadAssignment{}
	case resource.ListenerType:
		message = &listener.Listener{}
	case resource.RouteType:
		message = &route.RouteConfiguration{}
	default:
		log.Fatalf("unknown type %s", typeURL)
	}
	if err := proto.Unmarshal(bytes, message); err != nil {
		log.Fatal(err)
	}
	return message
}

func main() {
	address := flag.String("listen", "127.0.0.1:0", "where delta ADS is served")
	file := flag.String("resources", "", "JSON of what is served")
	flag.Parse()

	text, err := os.ReadFile(*file)
	if err != nil {
		log.Fatal(err)
	}
	var in input
	if err := json.Unmarshal(text, &in); err != nil {
		log.Fatal(err)
	}

	// Resources of the same bytes are one object.
	parsed := map[string]types.Resource{}
	snapshots := map[string]map[resource.Type][]types.Resource{}
	single := ""
	for key, byType := range in.Snapshots {
		if len(in.Snapshots) == 1 {
			single = key
		}
		snapshots[key] = map[resource.Type][]types.Resource{}
		for typeURL, all := range byType {
			for _, bytes := range all {
				id := typeURL + string(bytes)
				if parsed[id] == nil {
					parsed[id] = parse(typeURL, bytes)
				}
				snapshots[key][typeURL] = append(snapshots[key][typeURL], parsed[id])
			}
		}
	}
	variants := []types.Resource{}
	for _, bytes := range in.Variants {
		variants = append(variants, parse(resource.EndpointType, bytes))
	}

	ctx := context.Background()
	snapshotCache := cache.NewSnapshotCache(true, hash{single}, nil)
	set := func(key string, version int) {
		snapshot, err := cache.NewSnapshot(strconv.Itoa(version), snapshots[key])
		if err != nil {
			log.Fatal(err)
		}
		if err := snapshotCache.SetSnapshot(ctx, key, snapshot); err != nil {
			log.Fatal(err)
		}
	}
	for key := range snapshots {
		set(key, 0)
	}

	grpcServer := grpc.NewServer(
		grpc.MaxConcurrentStreams(100),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
	)
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, server.NewServer(ctx, snapshotCache, nil))
	socket, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(grpcServer.Serve(socket)) }()
	fmt.Println("ready")

	lines := bufio.NewScanner(os.Stdin)
	for version := 1; lines.Scan(); version++ {
		variant := variants[version%len(variants)]
		for key, byType := range snapshots {
			for index, one := range byType[resource.EndpointType] {
				if one.(*endpoint.ClusterLoadAssignment).ClusterName == in.Changing {
					byType[resource.EndpointType][index] = variant
					set(key, version)
				}
			}
		}
	}
}
