#include "main/log_stream.h"

#include <utility>

#include "drivers/log/reader.h"

namespace moln {
namespace {

class LogStream : public std::enable_shared_from_this<LogStream> {
public:
    LogStream(Loop& loop, const DataDir& data, const LogQuery& query,
              std::function<void(LogLine)> line, std::function<void(Status)> end)
        : loop_(loop),
          reader_(std::make_shared<LogReader>(data, query)),
          follow_(query.follow),
          line_(std::move(line)),
          end_(std::move(end)) {}

    void start() {
        read([](LogReader& reader) { return reader.past(); });
    }

private:
    // The reader is used by one job at a time: the next begins when this one's lines were given.
    void read(std::function<std::vector<LogLine>(LogReader&)> how) {
        run_blocking<std::vector<LogLine>>(
            loop_, "logs", [reader = reader_, how = std::move(how)] { return how(*reader); },
            [self = weak_from_this()](std::vector<LogLine> lines) {
                if (const auto stream = self.lock()) stream->give(std::move(lines));
            });
    }

    void give(std::vector<LogLine> lines) {
        for (auto& line : lines) line_(std::move(line));
        if (!follow_) return end_({});
        loop_.after(k_log_poll_interval, [self = weak_from_this()] {
            if (const auto stream = self.lock()) {
                stream->read([](LogReader& reader) { return reader.poll(); });
            }
        });
    }

    Loop& loop_;
    std::shared_ptr<LogReader> reader_;
    bool follow_;
    std::function<void(LogLine)> line_;
    std::function<void(Status)> end_;
};

}  // namespace

std::shared_ptr<void> stream_logs(Loop& loop, const DataDir& data, const LogQuery& query,
                                  std::function<void(LogLine)> line,
                                  std::function<void(Status)> end) {
    auto stream = std::make_shared<LogStream>(loop, data, query, std::move(line), std::move(end));
    stream->start();
    return stream;
}

}  // namespace moln
