// Everything the leader knows: the stored nouns and what is seen. Decisions are functions of it,
// views are drawn from it. All maps are ordered, so that equal worlds are walked in equal order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "model/acme.h"
#include "model/edge.h"
#include "model/observed.h"
#include "model/resources.h"
#include "model/staple.h"

namespace moln {

struct NodeSeen {
    NodeId id;
    bool connected = false;  // its agent has reported since this leader began
    Bytes memory;            // of the machine
    std::int64_t cpu_millis = 0;
    Bytes disk_free;   // under the data directory
    Bytes disk_total;  // 0: not known
    std::map<InstanceId, InstanceSeen> instances;
    std::map<VolumeId, Bytes> volumes_used;
    // Work that the agent has confirmed: trash whose bytes are in the trash (with their size) or
    // purged, volumes whose bytes are in place.
    std::map<TrashId, Bytes> trash_settled;
    std::map<TrashId, bool> trash_purged;
    std::map<TrashId, bool> trash_restored;  // TrashItem::restoring: the layers are back
    std::map<VolumeId, bool> volumes_settled;
};

struct EdgeSeen {
    bool connected = false;
    EdgeReport report;  // the last one; kept when the edge is lost
    MonoTime received;
    // The edge's endpoints by instance, from the report.
    std::map<InstanceId, EndpointReport> endpoints;
};

// A host whose certificate could not be issued: when it is tried again.
struct IssuingSeen {
    std::int64_t failures = 0;  // in a row
    MonoTime retry;
    std::string reason;  // of the last
};

struct World {
    NodeId self;
    std::int64_t epoch = 0;  // leadership
    bool leading = false;    // recovered: the stored nouns are all here

    std::map<ProjectId, Project> projects;
    std::map<AppId, App> apps;
    std::map<AppId, std::map<std::int64_t, Release>> releases;
    std::map<InstanceId, Instance> instances;
    std::map<VolumeId, Volume> volumes;
    std::map<TrashId, TrashItem> trash;
    std::map<CertificateId, Certificate> certificates;
    std::optional<Authority> authority;
    std::map<std::string, TicketKey> ticket_keys;  // by id
    std::optional<AcmeAccount> acme;
    std::map<std::string, CertificateOrder> orders;  // by host
    std::map<std::int64_t, Event> events;
    std::int64_t event_number = 0;  // highest ever given

    std::map<NodeId, NodeSeen> nodes;
    std::map<NodeId, EdgeSeen> edges;             // one a node
    std::map<std::string, IssuingSeen> issuing;   // by host; empty while nothing fails
    std::map<CertificateId, StapleSeen> staples;  // of those that somebody is to be asked about
    std::map<std::string, AcmeAttempt> attempts;  // by host: what this daemon has under way
    bool registering = false;                     // the ACME account, this daemon at this moment
    std::optional<AcmeOutcome> registration;      // what became of it, not yet written down
    EdgeSnapshot edge;  // the last one decided; its version is the highest given
};

}  // namespace moln
