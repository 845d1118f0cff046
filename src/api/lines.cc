#include "api/lines.h"

namespace moln::api {

void Lines::begin() {
    if (begun_) return;
    begun_ = true;
    ApiAnswer head;
    head.content_type = "application/x-ndjson";
    call_->exchange->begin_stream(std::move(head));
}

void Lines::write(const json::value& value) {
    begin();
    call_->exchange->write(json::serialize(value) + "\n");
}

void Lines::progress(const std::string& text) {
    write(json::object{{"line", valid_utf8(text)}});
}

void Lines::result(const json::value& value) {
    write(json::object{{"result", value}});
    call_->exchange->end();
}

void Lines::fail(const Error& error) {
    if (!begun_) return call_->fail(error);
    write(error_json(error));
    call_->exchange->end();
}

void Lines::end() {
    begin();
    call_->exchange->end();
}

bool Lines::has_room() const {
    return call_->exchange->queued_bytes() < k_api_queue_bytes_pause;
}

}  // namespace moln::api
