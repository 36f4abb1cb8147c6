"""The reason catalogue: what each code means, for the analyst who looks into it and for the customer whom it meets.

The customer's text says what to do and never which signal fired: that would teach the thief. Codes are stable: a code
that is given up keeps its entry, and is not used for something else. So are their places, which the memory of subjects
holds: a new entry goes to the end.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Text(NamedTuple):
    """One sentence or two in Chinese and in English."""

    zh: str
    en: str


class Explanation(NamedTuple):
    """What a reason code means; `analyst` says what was seen, `customer` what to do next."""

    analyst: Text
    customer: Text


_DEVICE = Text(
    "为保护您的账户，请使用常用设备，或完成一次额外验证。",
    "To protect your account, use your usual device or pass one more check.",
)
_PLACE = Text(
    "我们无法确认您当前的位置。请关闭代理或模拟定位后重试，或完成一次额外验证。",
    "We could not confirm where you are. Turn off proxies and location tools, then try again, or pass one more check.",
)
_BEHAVIOUR = Text(
    "请您本人亲自填写信息，或完成一次额外验证。",
    "Please fill in the form yourself, or pass one more check.",
)
_ACCOUNT = Text(
    "您的账户近期有异常登录。请修改密码，或完成一次额外验证。",
    "There were unusual attempts to use your account. Change your password, or pass one more check.",
)
_WAIT = Text(
    "这笔付款需要人工确认。请等待我们的通知。",
    "A person looks at this payment first. Please wait for our message.",
)
_GENERAL = Text(
    "我们需要再次确认是您本人操作。请完成一次额外验证。",
    "We need to make sure that it is you. Please pass one more check.",
)

REASONS: Mapping[str, Explanation] = {
    "NEW_DEVICE": Explanation(
        Text(
            "该用户首次使用此设备，或此设备启用不足一天。",
            "The subject has not used this device before, or only for less than a day.",
        ),
        _DEVICE,
    ),
    "SHARED_DEVICE": Explanation(
        Text(
            "此设备上出现的用户数量超过一个家庭：可能是设备农场。",
            "More subjects were seen on this device than a household has: possibly a device farm.",
        ),
        _DEVICE,
    ),
    "IMPOSSIBLE_TRAVEL": Explanation(
        Text(
            "即使扣除两处定位误差，两地之间所需的速度也超过客机。",
            "Between two places lies more way than an airliner covers in that time, both errors taken off.",
        ),
        _PLACE,
    ),
    "GPS_IP_MISMATCH": Explanation(
        Text(
            "GPS 位置远在 IP 地址登记区域之外，而该地址并非代理。",
            "The GPS position lies far outside of where the IP address is registered, and the address is no proxy.",
        ),
        _PLACE,
    ),
    "MOCKED_LOCATION": Explanation(
        Text(
            "手机系统报告位置来自模拟软件，或定位数据不像真实接收机的输出。",
            "The handset itself says that an app supplied the position, or no receiver would give such a fix.",
        ),
        _PLACE,
    ),
    "TYPING_MISMATCH": Explanation(
        Text(
            "击键节奏与该用户自己的模板不符。",
            "The rhythm of typing is not the one that the subject's own visits show.",
        ),
        _BEHAVIOUR,
    ),
    "INHUMAN_TYPING": Explanation(
        Text(
            "击键过于规律、过快，或与之前某次完全相同：可能是脚本或重放。",
            "Typing more regular or faster than hands are, or an earlier visit's very times: a script or a replay.",
        ),
        _BEHAVIOUR,
    ),
    "FAILED_LOGINS": Explanation(
        Text(
            "近期登录失败次数远超误输密码的情况。",
            "Far more failed logins lately than somebody has who mistypes a password.",
        ),
        _ACCOUNT,
    ),
    "NIGHT_DEVICE_SWITCHING": Explanation(
        Text(
            "近期多个夜间频繁更换登录设备。",
            "Login devices were switched often, in the night, over several nights.",
        ),
        _DEVICE,
    ),
    "LEARNED_RISK": Explanation(
        Text(
            "模型认为此次会话与欺诈会话相似;其特征值见评估记录。",
            "The trained model finds the session like those of fraud; its features stand in the assessment.",
        ),
        _GENERAL,
    ),
    "ANOMALY": Explanation(
        Text(
            "此次会话与诚实用户的会话相比十分少见，未必是欺诈。",
            "The session is rare among those of honest customers, which is not yet fraud.",
        ),
        _GENERAL,
    ),
    "EXPOSURE": Explanation(
        Text(
            "该笔金额加上此人、此设备或此收款账户的待付及近期已付金额，超过了限额。",
            "With what is open or went out lately for this person, device or payee, the amount exceeds a limit.",
        ),
        _WAIT,
    ),
}


_BITS: Mapping[str, int] = {code: 1 << place for place, code in enumerate(REASONS)}


def bits_of(codes: Iterable[str]) -> int:
    """Return a set of codes as bits, by their places in the catalogue; a code without an entry has none."""
    bits = 0
    for code in codes:
        bits |= _BITS.get(code, 0)
    return bits


def codes_of(bits: int) -> set[str]:
    """Return the codes whose bits are set."""
    return {code for code, bit in _BITS.items() if bits & bit}
