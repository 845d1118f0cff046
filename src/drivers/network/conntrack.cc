#include "drivers/network/conntrack.h"

#include <algorithm>
#include <memory>
#include <string_view>

#include <arpa/inet.h>
#include <endian.h>
#include <fmt/format.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

namespace moln {
namespace {

// A table of a million connections comes in pieces of this size.
constexpr int k_receive_bytes = 1 << 20;

using Socket = std::unique_ptr<nl_sock, void (*)(nl_sock*)>;
using Message = std::unique_ptr<nl_msg, void (*)(nl_msg*)>;

std::unexpected<Error> failed(std::string_view what, int error) {
    return fail(ErrorCode::internal, fmt::format("{}: {}", what, nl_geterror(error)));
}

Result<Socket> open_socket() {
    Socket socket(nl_socket_alloc(), nl_socket_free);
    if (!socket) return fail(ErrorCode::internal, "netlink: out of memory");
    if (const int error = nl_connect(socket.get(), NETLINK_NETFILTER); error < 0) {
        return failed("netlink of netfilter", error);
    }
    nl_socket_disable_seq_check(socket.get());
    (void)nl_socket_set_buffer_size(socket.get(), k_receive_bytes, 0);
    return socket;
}

Message make_message(int type, int flags) {
    Message message(nlmsg_alloc(), nlmsg_free);
    if (!message) return message;
    const nfgenmsg head{.nfgen_family = AF_INET, .version = NFNETLINK_V0, .res_id = 0};
    const int whole = (NFNL_SUBSYS_CTNETLINK << 8) | type;
    if (nlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, whole, 0, flags) == nullptr ||
        nlmsg_append(message.get(), const_cast<nfgenmsg*>(&head), sizeof head, NLMSG_ALIGNTO) < 0) {
        message.reset();
    }
    return message;
}

// ---- what comes --------------------------------------------------------------------------------

struct Tuple {
    std::uint32_t source = 0;  // in the network's order, as the ports
    std::uint32_t destination = 0;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t protocol = 0;
};

bool read_tuple(nlattr* from, Tuple& to) {
    nlattr* parts[CTA_TUPLE_MAX + 1];
    if (from == nullptr || nla_parse_nested(parts, CTA_TUPLE_MAX, from, nullptr) < 0) return false;
    if (parts[CTA_TUPLE_IP] == nullptr || parts[CTA_TUPLE_PROTO] == nullptr) return false;
    nlattr* ip[CTA_IP_MAX + 1];
    nlattr* proto[CTA_PROTO_MAX + 1];
    if (nla_parse_nested(ip, CTA_IP_MAX, parts[CTA_TUPLE_IP], nullptr) < 0 ||
        nla_parse_nested(proto, CTA_PROTO_MAX, parts[CTA_TUPLE_PROTO], nullptr) < 0) {
        return false;
    }
    if (ip[CTA_IP_V4_SRC] == nullptr || ip[CTA_IP_V4_DST] == nullptr ||
        proto[CTA_PROTO_NUM] == nullptr || proto[CTA_PROTO_SRC_PORT] == nullptr ||
        proto[CTA_PROTO_DST_PORT] == nullptr) {
        return false;  // of a protocol without ports
    }
    to = {.source = nla_get_u32(ip[CTA_IP_V4_SRC]),
          .destination = nla_get_u32(ip[CTA_IP_V4_DST]),
          .source_port = nla_get_u16(proto[CTA_PROTO_SRC_PORT]),
          .destination_port = nla_get_u16(proto[CTA_PROTO_DST_PORT]),
          .protocol = nla_get_u8(proto[CTA_PROTO_NUM])};
    return true;
}

bool is_over(nlattr* info) {
    if (info == nullptr) return false;
    nlattr* kinds[CTA_PROTOINFO_MAX + 1];
    nlattr* tcp[CTA_PROTOINFO_TCP_MAX + 1];
    if (nla_parse_nested(kinds, CTA_PROTOINFO_MAX, info, nullptr) < 0 ||
        kinds[CTA_PROTOINFO_TCP] == nullptr ||
        nla_parse_nested(tcp, CTA_PROTOINFO_TCP_MAX, kinds[CTA_PROTOINFO_TCP], nullptr) < 0 ||
        tcp[CTA_PROTOINFO_TCP_STATE] == nullptr) {
        return false;
    }
    const auto state = nla_get_u8(tcp[CTA_PROTOINFO_TCP_STATE]);
    return state == TCP_CONNTRACK_TIME_WAIT || state == TCP_CONNTRACK_CLOSE;
}

Milliseconds age_of(nlattr* stamp, WallTime now) {
    nlattr* parts[CTA_TIMESTAMP_MAX + 1];
    if (stamp == nullptr || nla_parse_nested(parts, CTA_TIMESTAMP_MAX, stamp, nullptr) < 0 ||
        parts[CTA_TIMESTAMP_START] == nullptr) {
        return {};
    }
    const auto begun_ns = be64toh(nla_get_u64(parts[CTA_TIMESTAMP_START]));
    const auto age = now.ms - static_cast<std::int64_t>(begun_ns / 1'000'000);
    return {std::max<std::int64_t>(0, age)};
}

std::string text_of(std::uint32_t address) {
    char text[INET_ADDRSTRLEN] = {};
    inet_ntop(AF_INET, &address, text, sizeof text);
    return text;
}

struct Listing {
    std::uint32_t network = 0;  // in the host's order; its upper half counts
    WallTime now;
    std::vector<KernelFlow> flows;
};

void take(nlmsghdr* header, Listing& to) {
    nlattr* parts[CTA_MAX + 1];
    if (nlmsg_parse(header, sizeof(nfgenmsg), parts, CTA_MAX, nullptr) < 0) return;
    const auto status = parts[CTA_STATUS] == nullptr ? 0 : ntohl(nla_get_u32(parts[CTA_STATUS]));
    Tuple there;
    Tuple back;
    if ((status & IPS_DST_NAT) == 0 || !read_tuple(parts[CTA_TUPLE_ORIG], there) ||
        !read_tuple(parts[CTA_TUPLE_REPLY], back)) {
        return;
    }
    // Who answers is the instance.
    if ((ntohl(back.source) ^ to.network) >> 16 != 0) return;
    if (there.protocol != IPPROTO_TCP && there.protocol != IPPROTO_UDP) return;
    const bool tcp = there.protocol == IPPROTO_TCP;
    KernelFlow flow{.protocol = tcp ? Protocol::tcp : Protocol::udp,
                    .client = text_of(there.source),
                    .client_port = ntohs(there.source_port),
                    .listen_address = text_of(there.destination),
                    .listen_port = ntohs(there.destination_port),
                    .address = text_of(back.source),
                    .port = ntohs(back.source_port),
                    .over = tcp && is_over(parts[CTA_PROTOINFO]),
                    .answered = (status & IPS_SEEN_REPLY) != 0,
                    .age = age_of(parts[CTA_TIMESTAMP], to.now)};
    if (parts[CTA_TIMEOUT] != nullptr) {
        flow.left = seconds(ntohl(nla_get_u32(parts[CTA_TIMEOUT])));
    }
    to.flows.push_back(std::move(flow));
}

int on_message(nl_msg* message, void* listing) {
    take(nlmsg_hdr(message), *static_cast<Listing*>(listing));
    return NL_OK;
}

// ---- what is forgotten -------------------------------------------------------------------------

bool put_tuple(nl_msg* message, const KernelFlow& flow) {
    in_addr source{};
    in_addr destination{};
    if (inet_pton(AF_INET, flow.client.c_str(), &source) != 1 ||
        inet_pton(AF_INET, flow.listen_address.c_str(), &destination) != 1) {
        return false;
    }
    const auto protocol =
        static_cast<std::uint8_t>(flow.protocol == Protocol::tcp ? IPPROTO_TCP : IPPROTO_UDP);
    nlattr* tuple = nla_nest_start(message, CTA_TUPLE_ORIG | NLA_F_NESTED);
    nlattr* ip = nla_nest_start(message, CTA_TUPLE_IP | NLA_F_NESTED);
    bool good = tuple != nullptr && ip != nullptr &&
                nla_put_u32(message, CTA_IP_V4_SRC, source.s_addr) == 0 &&
                nla_put_u32(message, CTA_IP_V4_DST, destination.s_addr) == 0;
    if (!good) return false;
    nla_nest_end(message, ip);
    nlattr* proto = nla_nest_start(message, CTA_TUPLE_PROTO | NLA_F_NESTED);
    good = proto != nullptr && nla_put_u8(message, CTA_PROTO_NUM, protocol) == 0 &&
           nla_put_u16(message, CTA_PROTO_SRC_PORT, htons(flow.client_port)) == 0 &&
           nla_put_u16(message, CTA_PROTO_DST_PORT, htons(flow.listen_port)) == 0;
    if (!good) return false;
    nla_nest_end(message, proto);
    nla_nest_end(message, tuple);
    return true;
}

}  // namespace

Result<std::vector<KernelFlow>> list_flows(const std::string& base, WallTime now) {
    in_addr network{};
    if (inet_pton(AF_INET, (base + ".0.0").c_str(), &network) != 1) {
        return fail(ErrorCode::internal, base + " is no network");
    }
    MOLN_ASSIGN(const auto socket, open_socket());
    const auto message = make_message(IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP);
    if (!message) return fail(ErrorCode::internal, "netlink: out of memory");
    Listing listing{.network = ntohl(network.s_addr), .now = now, .flows = {}};
    nl_socket_modify_cb(socket.get(), NL_CB_VALID, NL_CB_CUSTOM, on_message, &listing);
    if (const int sent = nl_send_auto(socket.get(), message.get()); sent < 0) {
        return failed("list connections", sent);
    }
    if (const int got = nl_recvmsgs_default(socket.get()); got < 0) {
        return failed("list connections", got);
    }
    return std::move(listing.flows);
}

Status forget_flows(const std::vector<KernelFlow>& flows) {
    if (flows.empty()) return {};
    MOLN_ASSIGN(const auto socket, open_socket());
    Status status;
    for (const auto& flow : flows) {
        const auto message = make_message(IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST | NLM_F_ACK);
        if (!message || !put_tuple(message.get(), flow)) {
            return fail(ErrorCode::internal, "netlink: a message that does not fit");
        }
        int error = nl_send_auto(socket.get(), message.get());
        if (error >= 0) error = nl_wait_for_ack(socket.get());
        if (error < 0 && error != -NLE_OBJ_NOTFOUND) status = failed("forget a connection", error);
    }
    return status;
}

}  // namespace moln
