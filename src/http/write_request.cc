#include <array>

#include "http/write.h"
#include "http/write_fields.h"

namespace moln::http {
namespace {

constexpr FieldSet k_always_dropped = hop_by_hop_fields()
                                          .with(FieldId::host)
                                          .with(FieldId::content_length)
                                          .with(FieldId::expect)
                                          .with(FieldId::x_forwarded_for)
                                          .with(FieldId::client_cert)
                                          .with(FieldId::client_cert_chain)
                                          .with(FieldId::moln_peer)
                                          .with(FieldId::x_moln_mirror);

FieldSet dropped_fields(const RequestHead& head, const UpstreamRequest& request) {
    FieldSet dropped = k_always_dropped;
    if (request.trust == ForwardedTrust::replace) {
        dropped = dropped.with(FieldId::x_forwarded_proto)
                      .with(FieldId::x_forwarded_host)
                      .with(FieldId::x_forwarded_port)
                      .with(FieldId::x_real_ip)
                      .with(FieldId::x_forwarded_user)
                      .with(FieldId::forwarded);
    }
    if (request.for_cache) {
        dropped = dropped.with(FieldId::range)
                      .with(FieldId::if_range)
                      .with(FieldId::if_none_match)
                      .with(FieldId::if_modified_since);
    }
    if (request.trace != nullptr) {
        dropped = dropped.with(FieldId::traceparent);
        if (!request.trace->continued) dropped = dropped.with(FieldId::tracestate);
    }
    // The handshake's fields mean nothing without the upgrade.
    if (head.facts.has_upgrade && request.upgrade.kind == UpgradeKind::none) {
        dropped = dropped.with(FieldId::sec_websocket_key).with(FieldId::sec_websocket_version);
    }
    return dropped;
}

void write_request_line(ByteWriter& out, const RequestHead& head) {
    out.text(head.method_name());
    out.text(" ");
    out.text(head.path());
    if (head.has_query) {
        out.text("?");
        out.text(head.query());
    }
    out.text(" HTTP/1.1\r\n");
    out.field("Host", head.authority());
}

void write_forwarded_for(ByteWriter& out, const RequestHead& head, const UpstreamRequest& request) {
    out.text("X-Forwarded-For: ");
    if (request.trust == ForwardedTrust::append) {
        for (const std::string_view value : head.fields.all(FieldId::x_forwarded_for)) {
            if (value.empty()) continue;
            out.text(value);
            out.text(", ");
        }
    }
    out.text(request.client_address);
    out.end_line();
}

void write_forwarded(ByteWriter& out, const RequestHead& head, const UpstreamRequest& request) {
    const auto keeps = [&](FieldId id) {
        return request.trust == ForwardedTrust::append && head.fields.has(id);
    };
    write_forwarded_for(out, head, request);
    if (!keeps(FieldId::x_forwarded_proto)) out.field("X-Forwarded-Proto", request.scheme);
    if (!keeps(FieldId::x_forwarded_host)) out.field("X-Forwarded-Host", head.authority());
    if (!keeps(FieldId::x_forwarded_port)) {
        out.text("X-Forwarded-Port: ");
        out.number(request.edge_port);
        out.end_line();
    }
}

void write_trace(ByteWriter& out, const TraceContext& trace) {
    std::array<char, k_traceparent_bytes> text;
    format_traceparent(trace, text);
    out.field("traceparent", {text.data(), text.size()});
}

void write_framing(ByteWriter& out, const RequestHead& head, const UpstreamRequest& request) {
    switch (request.body.kind) {
        case BodyKind::length: write_content_length(out, request.body.length); break;
        case BodyKind::chunked: out.field("Transfer-Encoding", "chunked"); break;
        default: {
            // Methods that usually bring a body say that there is none (RFC 9110 8.6).
            const bool usual = head.method == Method::post || head.method == Method::put ||
                               head.method == Method::patch;
            if (usual || head.facts.content_length) write_content_length(out, 0);
        }
    }
    if (request.upgrade.kind != UpgradeKind::none) {
        out.field("Connection", "Upgrade");
        out.field("Upgrade", request.upgrade.protocol);
    }
    if (request.expect_continue) out.field("Expect", "100-continue");
}

}  // namespace

std::optional<std::size_t> write_request_head(const RequestHead& head,
                                              const UpstreamRequest& request,
                                              std::span<char> buffer) {
    ByteWriter out(buffer);
    write_request_line(out, head);
    write_passed_fields(out, head.fields, head.facts, dropped_fields(head, request));
    write_forwarded(out, head, request);
    if (request.trace != nullptr) write_trace(out, *request.trace);
    write_framing(out, head, request);
    write_extra_fields(out, request.extra);
    out.end_line();
    return size_if_fits(out);
}

}  // namespace moln::http
