#include <charconv>

#include "http/status.h"
#include "http/write.h"
#include "http/write_fields.h"

namespace moln::http {
namespace {

constexpr FieldSet k_always_dropped =
    hop_by_hop_fields().with(FieldId::content_length).with(FieldId::moln_peer);

void write_status_line(ByteWriter& out, std::uint16_t status, std::string_view phrase) {
    out.text("HTTP/1.1 ");
    out.number(status);
    out.text(" ");
    out.text(phrase);
    out.end_line();
}

void write_framing(ByteWriter& out, const ResponseHead& head, const ClientResponse& response) {
    switch (response.body.kind) {
        case BodyKind::length: write_content_length(out, response.body.length); return;
        case BodyKind::chunked: out.field("Transfer-Encoding", "chunked"); return;
        case BodyKind::until_close:
        case BodyKind::tunnel: return;
        case BodyKind::none: break;
    }
    if (head.status < 200 || head.status == 204) return;
    const bool describes = response.request_method == Method::head || head.status == 304;
    if (!describes) {
        write_content_length(out, 0);
    } else if (head.facts.content_length) {
        write_content_length(out, *head.facts.content_length);
    }
}

void write_connection(ByteWriter& out, Version client_version, Persistence persistence) {
    if (persistence == Persistence::close) {
        out.field("Connection", "close");
    } else if (client_version == Version::http_1_0) {
        out.field("Connection", "keep-alive");
    }
}

void write_switch(ByteWriter& out, const ResponseHead& head) {
    out.field("Connection", "Upgrade");
    if (const auto protocol = head.fields.first(FieldId::upgrade)) out.field("Upgrade", *protocol);
}

}  // namespace

BodyFraming body_for_client(const BodyFraming& received, Version client_version) {
    if (received.kind == BodyKind::chunked && client_version == Version::http_1_0) {
        return {BodyKind::until_close, 0};
    }
    if (received.kind == BodyKind::until_close && client_version == Version::http_1_1) {
        return {BodyKind::chunked, 0};
    }
    return received;
}

std::optional<std::size_t> write_response_head(const ResponseHead& head,
                                               const ClientResponse& response,
                                               std::span<char> buffer) {
    ByteWriter out(buffer);
    const auto phrase = response.phrase.empty() ? head.reason() : response.phrase;
    write_status_line(out, head.status, phrase);
    write_passed_fields(out, head.fields, head.facts, k_always_dropped);
    if (head.status == 101) {
        write_switch(out, head);
    } else if (!is_informational(head.status)) {
        const bool has_date = head.fields.has(FieldId::date);
        if (!has_date && !response.date.empty()) out.field("Date", response.date);
        write_framing(out, head, response);
        const bool ends = response.body.kind == BodyKind::until_close;
        write_connection(out, response.client_version,
                         ends ? Persistence::close : response.persistence);
        write_extra_fields(out, response.extra);
    }
    out.end_line();
    return size_if_fits(out);
}

std::optional<std::size_t> write_error_response(const ErrorResponse& error,
                                                std::span<char> buffer) {
    ByteWriter out(buffer);
    write_status_line(out, error.status, reason_phrase(error.status));
    if (!error.date.empty()) out.field("Date", error.date);
    out.field("Content-Type",
              error.content_type.empty() ? "text/plain; charset=utf-8" : error.content_type);
    out.field("Cache-Control", "no-store");
    write_content_length(out, error.text.size() + 1);
    if (error.retry_after_s) {
        out.text("Retry-After: ");
        out.number(*error.retry_after_s);
        out.end_line();
    }
    write_connection(out, error.client_version, error.persistence);
    write_extra_fields(out, error.extra);
    out.end_line();
    if (error.request_method != Method::head) {
        out.text(error.text);
        out.text("\n");
    }
    return size_if_fits(out);
}

}  // namespace moln::http
