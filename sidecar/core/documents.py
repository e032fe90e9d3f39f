"""The configuration that a run carries with it: agent, contracts, policy, model rows."""

from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator, model_validator

from sidecar.core.messages import Usage, Value

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
ToolRef = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}(@[1-9][0-9]{0,8})?$")]
ModelRef = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/+-]{0,199}$")]
Tokens = Annotated[int, Field(gt=0, le=1_000_000_000)]
Micros = Annotated[int, Field(ge=0, le=1_000_000_000_000)]
Seconds = Annotated[int, Field(ge=1, le=86_400)]
JsonSchema = dict[str, Any]
HOST = r"(\[[0-9A-Fa-f:.]+\](:[0-9]+)?|[!\"$-.0->@-Z^-~]+)"  # the first is IPv6
Url = Annotated[str, Field(pattern=rf"^https?://{HOST}([/?#][!-~]*)?$", max_length=2_000)]
Plain = Annotated[str, Field(pattern=r"^[^\x00-\x1f]{0,200}$")]
Scope = Literal["run", "read", "admin"]
ProviderName = Literal["openai", "anthropic"]
Rest = Literal["completed", "failed", "cancelled", "waiting"]
HIDDEN_TOKENS = 1_024  # of the provider's own tool and format prompts


class Limits(Value):
    model_calls: int = Field(default=10, ge=1, le=100)
    timeout_s: Seconds = 600


class Document(Value):
    """Name and version are given by whoever keeps it."""

    name: Name = "inline"
    version: int = Field(default=0, ge=0, le=999_999_999)

    @property
    def ref(self) -> str:
        return f"{self.name}@{self.version}"


class Agent(Document):
    """`tools` are names, or `name@version`; a bare name is pinned when a run starts."""

    instructions: str = Field(max_length=200_000)
    persona: str = Field(default="", max_length=20_000)
    tools: tuple[ToolRef, ...] = Field(default=(), max_length=64)
    models: tuple[ModelRef, ...] = Field(default=(), max_length=16)
    task: Plain = ""
    output_schema: JsonSchema | None = None
    limits: Limits = Limits()


class HttpConfig(Value):
    """The arguments are POSTed as JSON; with `envelope` the whole call is, signed."""

    url: Url
    method: Literal["POST"] = "POST"
    envelope: bool = False


class FunctionConfig(Value):
    """A Python function, by its name in a module that AGENTRT_TOOLS lists."""

    module: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]{0,199}$")
    function: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")


CONFIGS = {"http": HttpConfig, "function": FunctionConfig}


class Contract(Document):
    """A version freezes the signature: both schemas and the side effects. `kind` is who runs it."""

    description: str = Field(min_length=1, max_length=4_000)
    input_schema: JsonSchema
    output_schema: JsonSchema = Field(default={})
    kind: Literal["http", "function", "caller"] = "http"
    config: HttpConfig | FunctionConfig | None = Field(default=None, validate_default=True)
    side_effects: Literal["none", "idempotent", "once"] = "once"
    timeout_s: Seconds = 30
    retries: int = Field(default=2, ge=0, le=10)

    @field_validator("config", mode="before")
    @classmethod
    def config_of_its_kind(cls, given: Any, info: ValidationInfo) -> Value | None:
        kind = info.data.get("kind", "http")
        if (given is None) != (kind == "caller"):
            raise ValueError("kinds http and function have one, kind caller has none")
        return CONFIGS[kind].model_validate(given, strict=True) if kind in CONFIGS else None


class CallerTool(Contract):
    """The turn rests and hands the calls to whoever asked."""

    kind: Literal["caller"] = "caller"  # pyright: ignore[reportIncompatibleVariableOverride]


class Rule(Value):
    """`use` is a list of tiers, best first; `when` names the task that it is for, or none."""

    when: dict[Literal["task", "agent"], str] = Field(default={})
    use: tuple[tuple[ModelRef, ...], ...]


class Policy(Document):
    """The first rule that matches wins; aliases name models."""

    rules: tuple[Rule, ...] = ()
    aliases: dict[str, ModelRef] = Field(default={})


class Price(Value):
    """Micro-dollars per million tokens."""

    input: Micros
    cached: Micros
    cache_write: Micros
    output: Annotated[Micros, Field(gt=0)]


class ModelRow(Document):
    """Its name is `provider/model`."""

    name: ModelRef = "inline"
    provider: ProviderName
    model: ModelRef
    context_tokens: Tokens
    output_tokens: Tokens
    price: Price
    long_over: Micros = 0
    long_price: Price | None = None
    source: str

    @property
    def ref(self) -> str:
        return f"{self.provider}/{self.model}"

    def cost_micros(self, usage: Usage) -> int:
        """Rounded up; a prompt longer than `long_over` tokens is priced whole at `long_price`."""
        prompt = usage.input + usage.cached + usage.cache_write
        price = self.long_price if self.long_price and prompt > self.long_over else self.price
        tokens = {**dict(usage), "output": usage.output + usage.reasoning}
        return -(-sum(tokens[name] * rate for name, rate in price) // 1_000_000)

    def worst_case_micros(self, payload_bytes: int, output_tokens: int) -> int:
        """No byte-level BPE makes more tokens than bytes; here the cache takes all of them."""
        usage = Usage(cache_write=payload_bytes + HIDDEN_TOKENS, output=output_tokens)
        long = self.model_copy(update={"price": self.long_price or self.price})
        return max(self.cost_micros(usage), long.cost_micros(usage))


class Hook(Document):
    """Where a customer's runs are told when they rest; an empty `agent` is any."""

    url: Url
    events: tuple[Rest, ...] = Field(default=get_args(Rest), min_length=1)
    agent: Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_-]{0,63})?$")] = ""


class Key(Document):
    """Its name is its customer's, or `*` for an operator's; the key itself is kept nowhere.

    The scope `admin` is everybody's configuration: an operator's alone.
    """

    name: Annotated[str, Field(pattern=r"^([*]|[A-Za-z0-9][A-Za-z0-9._-]{0,99})$")] = "*"
    scopes: tuple[Scope, ...] = Field(default=("run", "read"), min_length=1)
    expires_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _admin_is_an_operator(self) -> "Key":
        if "admin" in self.scopes and self.name != "*":
            raise ValueError("scopes: admin is for the operator's key, `*`")
        return self


class Setup(Value):
    """All that a run was configured with, so that it replays from its own parts alone."""

    agent: Agent
    contracts: tuple[Contract, ...] = ()
    policy: Policy
    models: tuple[ModelRow, ...]
