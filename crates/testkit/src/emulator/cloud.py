"""Starts ministack with the types of CloudFormation that it lacks and Landfall's templates hold.

Each type is made, changed and deleted in ministack's own records, so that it can be read back through EC2's API. Besides, calls are counted:
GET /_landfall/calls returns them, DELETE forgets them. PUT /_landfall/fail/TYPE lets the next change of a resource of that type fail. With
LANDFALL_THROTTLE=N, more than N DescribeStacks in a second are refused, as AWS refuses them. On the same port, by UDP, it is the name server that
delegates every zone of the account to the servers that Route 53 gave it.
"""

import json
import os
import random
import re
import socket
import threading
import time

import ministack.app as app
from ministack.services import ec2, route53, ssm
from ministack.services.cloudformation import changesets, provisioners

zones = route53._zones
HANDLERS = provisioners._RESOURCE_HANDLERS


def call(action, **parameters):
    status, _, body = ec2._ACTION_MAP[action]({name: [str(value)] for name, value in parameters.items()})
    text = body if isinstance(body, str) else body.decode()
    if status >= 400:
        raise ValueError(f"{action}: {text[:300]}")
    return text


def field(xml, tag):
    found = re.search(f"<{tag}>([^<]*)</{tag}>", xml)
    return found.group(1) if found else ""


def tagged(physical, properties, old=None):
    provisioners._ec2_apply_tags(physical, properties, old) if old is not None else provisioners._ec2_apply_tags(
        physical, properties
    )


def address_create(logical, properties, stack):
    answer = call("AllocateAddress", Domain=properties.get("Domain", "vpc"))
    public, allocation = field(answer, "publicIp"), field(answer, "allocationId")
    tagged(allocation, properties)
    return public, {"AllocationId": allocation, "PublicIp": public}


def allocation_of(public):
    return next(key for key, value in ec2._addresses.items() if value["PublicIp"] == public)


def address_update(physical, old, new, stack):
    allocation = allocation_of(physical)
    tagged(allocation, new, old)
    return physical, {"AllocationId": allocation, "PublicIp": physical}


def address_delete(physical, properties):
    call("ReleaseAddress", AllocationId=allocation_of(physical))


def gateway_create(logical, properties, stack):
    known = {key: properties[key] for key in ("AllocationId", "ConnectivityType") if properties.get(key)}
    physical = field(call("CreateNatGateway", SubnetId=properties["SubnetId"], **known), "natGatewayId")
    tagged(physical, properties)
    return physical, {"NatGatewayId": physical}


def gateway_update(physical, old, new, stack):
    tagged(physical, new, old)
    return physical, {"NatGatewayId": physical}


def gateway_delete(physical, properties):
    call("DeleteNatGateway", NatGatewayId=physical)


def flow_log_create(logical, properties, stack):
    answer = call(
        "CreateFlowLogs",
        **{"ResourceId.1": properties["ResourceId"]},
        ResourceType=properties["ResourceType"],
        TrafficType=properties.get("TrafficType", "ALL"),
        LogDestinationType=properties.get("LogDestinationType", "cloud-watch-logs"),
        LogGroupName=properties.get("LogGroupName", ""),
    )
    physical = field(answer, "item")
    tagged(physical, properties)
    return physical, {"Id": physical}


def flow_log_update(physical, old, new, stack):
    tagged(physical, new, old)
    return physical, {"Id": physical}


def flow_log_delete(physical, properties):
    call("DeleteFlowLogs", **{"FlowLogId.1": physical})


def block_create(logical, properties, stack):
    vpc = ec2._vpcs[properties["VpcId"]]
    association = f"vpc-cidr-assoc-{random.getrandbits(68):017x}"
    if str(properties.get("AmazonProvidedIpv6CidrBlock", "")).lower() == "true":
        vpc["Ipv6CidrBlockAssociationSet"] = [{"AssociationId": association, "Ipv6CidrBlock": block_of(vpc["VpcId"])}]
    return association, {"Id": association}


def block_delete(physical, properties):
    ec2._vpcs.get(properties["VpcId"], {}).pop("Ipv6CidrBlockAssociationSet", None)


def block_of(vpc):
    """The block that Amazon gives to a VPC: of its number, so that it is known before and after."""
    number = sum(ord(character) * index for index, character in enumerate(vpc, 1)) & 0xFFFF
    return f"2600:1f14:{number:x}:0::/56"


def rule_handlers(direction):
    key = "IpPermissions" if direction == "Ingress" else "IpPermissionsEgress"

    def create(logical, properties, stack):
        group = ec2._security_groups.get(properties["GroupId"])
        if group is None:
            raise ValueError(f"The security group '{properties['GroupId']}' does not exist")
        rules = provisioners._ec2_sg_permissions([properties])
        if rules[0] in group[key]:
            raise ValueError("the specified rule already exists")
        group[key].extend(rules)
        physical = f"sgr-{random.getrandbits(68):017x}"
        return physical, {"Id": physical}

    def delete(physical, properties):
        group = ec2._security_groups.get(properties["GroupId"])
        rule = provisioners._ec2_sg_permissions([properties])[0]
        if group is not None and rule in group[key]:
            group[key].remove(rule)

    def update(physical, old, new, stack):
        delete(physical, old)
        create("", new, stack)
        return physical, {"Id": physical}

    return {"create": create, "update": update, "delete": delete}


def know(kind, **handlers):
    HANDLERS.setdefault(kind, handlers)


know("AWS::EC2::EIP", create=address_create, update=address_update, delete=address_delete)
know("AWS::EC2::NatGateway", create=gateway_create, update=gateway_update, delete=gateway_delete)
know("AWS::EC2::FlowLog", create=flow_log_create, update=flow_log_update, delete=flow_log_delete)
know("AWS::EC2::VPCCidrBlock", create=block_create, delete=block_delete)
know("AWS::EC2::SecurityGroupIngress", **rule_handlers("Ingress"))
know("AWS::EC2::SecurityGroupEgress", **rule_handlers("Egress"))


def with_attributes(kind, more):
    """Adds attributes that AWS has and ministack does not."""
    handlers = HANDLERS[kind]

    def wrapped(handler):
        def handle(*arguments, **named):
            physical, attributes = handler(*arguments, **named)
            return physical, {**more(physical), **(attributes or {})}

        return handle

    for name in ("create", "update"):
        if name in handlers:
            handlers[name] = wrapped(handlers[name])


with_attributes("AWS::EC2::VPC", lambda vpc: {"Ipv6CidrBlocks": [block_of(vpc)]})

parameter_of = changesets._p


def with_stack_ids(parameters, name, *default):
    """A change set's stack may be named by its id, as AWS says."""
    value = parameter_of(parameters, name, *default)
    return value.split("/")[1] if name == "StackName" and value and value.startswith("arn:") else value


changesets._p = with_stack_ids

# The images that the templates name, as AWS publishes them for every account.
for architecture in ("amd64", "arm64"):
    name = f"/aws/service/canonical/ubuntu/server/24.04/stable/current/{architecture}/hvm/ebs-gp3/ami-id"
    ssm._PUBLIC_AMI_PARAMETERS[name] = "ami-0c2023a1b2c3d4e5f"

failing = []


def failing_at_will(kind, name, handler):
    def handle(*arguments, **named):
        if kind in failing:
            failing.remove(kind)
            raise ValueError("Resource handler returned message: \"You have requested more than you may have\"")
        return handler(*arguments, **named)

    return handle


for kind, handlers in HANDLERS.items():
    for name in ("create", "update"):
        if name in handlers:
            handlers[name] = failing_at_will(kind, name, handlers[name])


def delegated(domain):
    """The name servers of the zone of that name, in any account."""
    known = (zone["name"].rstrip(".").lower() for zone in list(zones._data.values()))
    return route53._DEFAULT_NS if domain in known else []


def packed(domain):
    return b"".join(bytes([len(part)]) + part.encode() for part in domain.rstrip(".").split(".") if part) + b"\0"


def name_server(port):
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", port))
    while True:
        try:
            question, sender = listener.recvfrom(1500)
        except ConnectionError:
            # Somebody who asked before did not wait for the answer.
            continue
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode().lower())
            at += 1 + question[at]
        kind = question[at + 1 : at + 3]
        servers = delegated(".".join(labels)) if kind == b"\0\2" else []
        records = b""
        for server in servers:
            data = packed(server)
            records += b"\xc0\x0c\0\2\0\1\0\0\0\x3c" + len(data).to_bytes(2, "big") + data
        head = question[:2] + b"\x84\0\0\1" + len(servers).to_bytes(2, "big") + b"\0\0\0\0"
        listener.sendto(head + question[12 : at + 5] + records, sender)


calls = []
served = app.app
throttle = int(os.environ.get("LANDFALL_THROTTLE", "0"))
described = []


def name_of(scope, body):
    headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
    if "x-amz-target" in headers:
        return headers["x-amz-target"]
    action = re.search(rb"(?:^|&)Action=([A-Za-z]+)", body)
    return action.group(1).decode() if action else f"{scope['method']} {scope['path']}"


async def answer(send, status, body, kind=b"application/json"):
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def counted(scope, receive, send):
    if scope["type"] != "http":
        return await served(scope, receive, send)
    if scope["path"] == "/_landfall/calls":
        body = json.dumps(calls).encode()
        if scope["method"] == "DELETE":
            calls.clear()
        return await answer(send, 200, body)
    if scope["path"].startswith("/_landfall/fail/"):
        failing.append(scope["path"].rsplit("/", 1)[1])
        return await answer(send, 200, b"{}")
    messages, body = [], b""
    while True:
        message = await receive()
        messages.append(message)
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if scope["path"].startswith("/_ministack"):
        pass
    else:
        calls.append(name_of(scope, body))
        if throttle and calls[-1] == "DescribeStacks":
            now = time.monotonic()
            described[:] = [at for at in described if now - at < 1]
            if len(described) >= throttle:
                refusal = (
                    b"<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message>"
                    b"</Error><RequestId>0</RequestId></ErrorResponse>"
                )
                return await answer(send, 400, refusal, b"text/xml")
            described.append(now)

    async def again():
        return messages.pop(0) if messages else await receive()

    return await served(scope, again, send)


app.app = counted

if __name__ == "__main__":
    threading.Thread(target=name_server, args=(int(os.environ["GATEWAY_PORT"]),), daemon=True).start()
    app.main()
