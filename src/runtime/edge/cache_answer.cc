#include "runtime/edge/cache_answer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "edge/cache/compressing.h"
#include "edge/cache/peer_words.h"
#include "edge/cache/slices.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/range.h"
#include "http/status.h"
#include "http/write.h"
#include "runtime/edge/cache_coder.h"
#include "runtime/edge/cache_slices.h"
#include "runtime/edge/cache_steps.h"
#include "runtime/edge/file_flow.h"

namespace moln::edge_loop {
namespace {

constexpr std::size_t k_age_digits = 20;

// What of a stored response is the answer to this request.
struct Answer {
    CacheBody* body = nullptr;  // as it is, or coded
    ContentCoding coding = ContentCoding::identity;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    http::BodyFraming framing;
    std::string_view content_range;
};

const edge::StoredHead& head_of(const CacheVisit& visit) {
    return visit.own_head ? *visit.own_head : visit.response->head;
}

// In HTTP/1.0 and on a stream a body ends with its connection or stream.
http::BodyKind unknown_length_kind(const Exchange& exchange) {
    const bool unframed =
        exchange.client->stream != nullptr || exchange.version == http::Version::http_1_0;
    return unframed ? http::BodyKind::until_close : http::BodyKind::chunked;
}

// All of its body.
void take_whole(const Exchange& exchange, std::optional<std::uint64_t> total, Answer& answer) {
    if (!total) {
        answer.end = CacheVisit::k_to_the_end;
        answer.framing = {unknown_length_kind(exchange), 0};
    } else if (*total > 0) {
        answer.end = *total;
        answer.framing = {http::BodyKind::length, *total};
    }
}

class Chooser {
public:
    Chooser(Core& core, const Exchange& exchange, http::ResponseHead& head,
            std::span<char, http::k_content_range_bytes_max> range_room)
        : core_(core),
          exchange_(exchange),
          visit_(*exchange.visit),
          stored_(*exchange.visit->response),
          kept_(head_of(*exchange.visit)),
          request_(exchange.heads->request),
          head_(head),
          range_room_(range_room) {}

    // Changes the stored head to what is said: 200, 206, 304 or 416.
    Answer choose() {
        Answer answer{.body = stored_.body.get()};
        total_ = visit_.slices ? visit_.slices->total : answer.body->whole_length();
        if (head_.status == 200) {
            if (compresses()) wish_ = edge::coding_wish(request_, visit_.wish.control);
            if (is_not_modified()) {
                answer.coding = choose_coding();
                kept_.show_not_modified(head_, form_of(answer.coding));
                return answer;
            }
            if (takes_part(answer)) return answer;
            answer.coding = choose_coding();
        }
        if (answer.coding != ContentCoding::identity) {
            answer.body = stored_.coded->find(answer.coding);
            total_ = answer.body->seen().bytes;
            kept_.show(head_, form_of(answer.coding));
        }
        if (request_.method == http::Method::head) {
            head_.facts.content_length = total_;
        } else {
            take_whole(exchange_, total_, answer);
        }
        return answer;
    }
    // Another edge is given it as it came, and compresses for itself.
    bool compresses() const {
        return stored_.coded && visit_.rules.compress &&
               exchange_.asked_by == edge::AskedBy::client;
    }

private:
    static edge::HeadForm form_of(ContentCoding coding) {
        return coding == ContentCoding::identity ? edge::HeadForm::as_it_is : edge::HeadForm::coded;
    }
    http::Validators held() const {
        const auto text = kept_.first(http::FieldId::date);
        const auto date = http::parse_date(text, now_).value_or(stored_.came);
        return http::validators_of(head_.fields, date);
    }
    // Most requests have no condition, and need not know what is held.
    bool is_not_modified() const {
        const bool asks = request_.fields.has(http::FieldId::if_none_match) ||
                          request_.fields.has(http::FieldId::if_modified_since);
        return asks && http::is_not_modified(request_.fields, held(), now_);
    }
    // A part of it is the answer, or there is none such.
    bool takes_part(Answer& answer) {
        const auto wish = http::range_of(request_.fields);
        const bool may = wish && total_ && request_.method == http::Method::get && wish_.parts &&
                         http::if_range_holds(request_.fields, held(), now_);
        if (!may) return false;
        const auto range = http::resolve(*wish, *total_);
        kept_.show(head_, edge::HeadForm::part);
        head_.reason_slice = {};
        if (!range) {
            head_.status = 416;
            answer.content_range = http::format_unsatisfied_range(*total_, range_room_);
            return true;
        }
        head_.status = 206;
        answer.begin = range->first;
        answer.end = range->last + 1;
        answer.framing = {http::BodyKind::length, range->size()};
        answer.content_range =
            http::format_content_range({.range = *range, .length = *total_}, range_room_);
        return true;
    }
    // Of those that are there. What would be better is made behind, for who asks later.
    ContentCoding choose_coding() {
        if (!compresses() || !total_ || !edge::is_compressible_length(total_)) {
            return ContentCoding::identity;
        }
        const CodedForms& forms = *stored_.coded;
        const auto wanted =
            wish_.best([&](ContentCoding coding) { return !forms.is_refused(coding); });
        if (wanted == ContentCoding::identity || forms.find(wanted) != nullptr) return wanted;
        const bool whole = stored_.body->seen().state == CacheBody::State::complete;
        // Asked for again since it came to memory: that is worth a compression.
        if (whole && visit_.hash) core_.coder->want(*visit_.hash, visit_.response, wanted);
        return wish_.best([&](ContentCoding coding) { return forms.find(coding) != nullptr; });
    }

    Core& core_;
    const Exchange& exchange_;
    const CacheVisit& visit_;
    const CachedResponse& stored_;
    const edge::StoredHead& kept_;
    const http::RequestHead& request_;
    http::ResponseHead& head_;
    std::span<char, http::k_content_range_bytes_max> range_room_;
    WallTime now_{core_.wall_ms};
    std::optional<std::uint64_t> total_;
    edge::CodingWish wish_;
};

class ExtraFields {
public:
    void add(std::string_view name, std::string_view value) {
        if (!value.empty()) fields_[count_++] = {.name = name, .value = value};
    }
    std::span<const http::ExtraField> view() const { return {fields_.data(), count_}; }

private:
    std::array<http::ExtraField, 7> fields_;
    std::size_t count_ = 0;
};

std::string_view age_text(const CacheVisit& visit, std::int64_t age_ms, std::span<char> room) {
    const std::int64_t seconds = age_ms / 1000;
    // Who led or waited got it from the app: it has an age only if it had one there.
    if (visit.status.forward != http::CacheForward::none && seconds <= 1) return {};
    http::ByteWriter text(room);
    text.number(static_cast<std::uint64_t>(seconds));
    return text.written();
}

// The answer's place in the slice at hand. False: it begins in another.
bool place_in_slice(SliceVisit& slices, Answer& answer) {
    slices.until = answer.end;
    if (answer.end == 0) return true;
    if (edge::slice_of(answer.begin) != slices.number) {
        slices.number = edge::slice_of(answer.begin);
        return false;
    }
    answer.end = std::min(answer.end, slices.first + slices.size) - slices.first;
    answer.begin -= slices.first;
    return true;
}

// What is sent of it, and what it would have been as it is.
void count_coded(Core& core, const CachedResponse& stored, const Answer& answer) {
    if (answer.coding == ContentCoding::identity || answer.end == 0) return;
    core.counts.cache_coded.add(1);
    core.counts.cache_coded_saved.add(
        static_cast<std::int64_t>(stored.body->seen().bytes - answer.end));
}

}  // namespace

void begin_stored_file(Core& core, Exchange& exchange, std::shared_ptr<const Fd> file) {
    const CacheVisit& visit = *exchange.visit;
    const FileExtent& extent = *visit.body->extent();
    begin_file(core, exchange,
               {.file = std::move(file),
                .at = extent.at + visit.begin,
                .end = extent.at + visit.end,
                .of = visit.slices ? FileOf::cached_slice : FileOf::cache,
                .more = has_more_slices(visit),
                .begun = exchange.client_begun});
}

HeadPut put_stored_head(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    const CachedResponse& stored = *visit.response;
    http::ResponseHead& head = exchange.heads->response;
    head_of(visit).show(head, visit.slices ? edge::HeadForm::whole : edge::HeadForm::as_it_is);
    std::array<char, http::k_content_range_bytes_max> range_room;
    Chooser chooser(core, exchange, head, range_room);
    Answer answer = chooser.choose();
    if (visit.slices && !place_in_slice(*visit.slices, answer)) return HeadPut::elsewhere;
    const FileExtent* extent = answer.end > answer.begin ? answer.body->extent() : nullptr;
    auto file = extent == nullptr ? nullptr : answer.body->pin();
    if (extent != nullptr && !file) return HeadPut::gone;
    const std::int64_t age_ms = stored.freshness.age_ms + core.now_ms - stored.came_ms;
    visit.status.ttl_s = (stored.freshness.lifetime_ms - age_ms) / 1000;
    std::array<char, k_age_digits> age_room;
    std::array<char, http::k_cache_status_bytes_max> status_room;
    std::array<char, k_hsts_room> hsts_room;
    std::array<char, edge::k_coded_etag_bytes_max> etag_room;
    const auto hsts = hsts_field(exchange, hsts_room);
    ExtraFields extra;
    extra.add("Age", age_text(visit, age_ms, age_room));
    extra.add("Content-Range", answer.content_range);
    std::array<char, edge::k_peer_answer_bytes_max> peer_room;
    if (exchange.asked_by == edge::AskedBy::client) {
        extra.add("Cache-Status", http::format_cache_status(visit.status, status_room));
    } else {
        auto freshness = stored.freshness;
        freshness.age_ms = age_ms;
        const auto given = visit.status.detail == k_stale_if_error ? edge::GivenAs::stale_on_error
                                                                   : edge::GivenAs::answer;
        extra.add(edge::k_peer_field,
                  edge::format_answer(freshness, stored.marks, given, peer_room));
    }
    extra.add(hsts.name, hsts.value);
    if (chooser.compresses()) extra.add("Vary", "Accept-Encoding");
    if (answer.coding != ContentCoding::identity) {
        extra.add("ETag", edge::weakened(stored.head.first(http::FieldId::etag), etag_room));
        if (head.status == 200) extra.add("Content-Encoding", coding_name(answer.coding));
    }
    if (answer.framing.kind == http::BodyKind::until_close || core.stopping) {
        exchange.keep_client = false;
    }
    if (exchange.to_client == nullptr) exchange.to_client = core.buffers.lend();
    if (exchange.to_client == nullptr) return HeadPut::failed;
    Buffer& out = *exchange.to_client;
    const auto size = http::write_response_head(
        head,
        {.request_method = exchange.heads->request.method,
         .client_version = exchange.version,
         .body = answer.framing,
         .persistence =
             exchange.keep_client ? http::Persistence::keep_alive : http::Persistence::close,
         .date = core.date_text(),
         .phrase = head.reason().empty() ? http::reason_phrase(head.status) : std::string_view(),
         .extra = extra.view()},
        {out.tail(), out.room()});
    const bool none = answer.framing.kind == http::BodyKind::none;
    if (!size || !put_head(exchange, *size, none ? h2::End::stream : h2::End::open)) {
        return HeadPut::failed;
    }
    visit.body = answer.body;
    visit.begin = answer.begin;
    visit.end = answer.end;
    if (extent != nullptr) begin_stored_file(core, exchange, std::move(file));
    count_coded(core, stored, answer);
    exchange.client_body = answer.framing.kind;
    exchange.client_begun = true;
    exchange.status = head.status;
    return HeadPut::put;
}

}  // namespace moln::edge_loop
